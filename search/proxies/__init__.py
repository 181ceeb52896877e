"""Zero-cost proxies by name: what is known of an untrained network, from its description or one batch of images.

A proxy is a function of a `subject.Subject` that returns a finite number from 0, of which higher is better, or raises a
`DivergedError` if a network has none. Its file is imported when it is used, since most need TensorFlow.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.search.objects import load_class
from nasnet_keras.search.proxies.subject import Subject
from nasnet_keras.training.errors import DivergedError
from nasnet_keras.utils.checks import quoted

__all__ = ["PROXIES", "Proxy", "scores"]


@dataclass(frozen=True)
class Proxy:
    """The facts of a proxy.

    Attributes:
        place: the module and the name of its function, `"module:function"`.
        help: its description in a few words, for `--help`.
    """

    place: str
    help: str

    def __call__(self, subject: Subject) -> float:
        """Score a network.

        Raises:
            DivergedError: the network has no such score.
        """
        function: Any = load_class(self.place)
        return function(subject)


_HERE = "nasnet_keras.search.proxies"

PROXIES: Mapping[str, Proxy] = MappingProxyType(
    {
        "parameters": Proxy(f"{_HERE}.counted:parameters", "the parameters, counted"),
        "multiply_adds": Proxy(f"{_HERE}.counted:multiply_adds", "multiply-adds, counted"),
        "naswot": Proxy(f"{_HERE}.naswot:naswot", "how differently ReLUs see images (Mellor et al. 2021)"),
        "jacov": Proxy(f"{_HERE}.jacov:jacov", "how differently logits depend on images (Mellor et al. 2020)"),
        "synflow": Proxy(f"{_HERE}.synflow:synflow", "the flow through all weights (Tanaka et al. 2020)"),
    }
)


def scores(
    genotype: BaseGenotype | str,
    images: np.ndarray,
    proxies: Iterable[str] = tuple(PROXIES),
    *,
    seed: int = 0,
    **network: Any,
) -> dict[str, float]:
    """Score a genotype's untrained network by several proxies, such as the features of a surrogate.

    Args:
        genotype: a genotype of any kind, a catalogue name, a JSON text or a path.
        images: a batch, uint8 from 0 to 255, `(count, height, width, channels)`. Counted proxies read its shape alone,
            and a count of 0 will do for them.
        proxies: names in `PROXIES`; by default all.
        seed: seed of the first weights. The same seed gives the same scores.
        **network: further arguments of the function that builds the network, such as `num_repeats` and `filters`.

    Returns:
        The scores by name, in the order of `proxies`; NaN where a network has none.

    Raises:
        ValueError: a proxy is unknown, or no such network can be built.

    Example:
        >>> images = np.zeros((0, 32, 32, 3), "uint8")
        >>> scores("nasnet_a", images, ["parameters"], num_repeats=1, filters=8)
        {'parameters': 74962.0}
    """
    names = tuple(proxies)
    if unknown := [name for name in names if name not in PROXIES]:
        raise ValueError(f"a proxy must be one of {', '.join(PROXIES)}, got {quoted(unknown[0])}")
    subject = Subject(genotype, images, seed, network)
    return {name: _score(PROXIES[name], subject) for name in names}


def _score(proxy: Callable[[Subject], float], subject: Subject) -> float:
    try:
        return proxy(subject)
    except DivergedError:
        return math.nan
