"""Write weights by which a wider network computes the same as a model of the registry, to continue its training.

    python tools/widen.py --model=NAME --filters=F --output=FILE.weights.h5

Method: Net2Net (Chen et al. 2016, arXiv 1511.05641). Some channels get a twin, and each reader of a channel with a twin
reads both by shares that add up to one. The shares differ, so that training drives the twins apart. NAME may also be
the path of a card.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
from absl import app, flags

from nasnet_keras.utils import environment


def main(argv: list[str]) -> None:
    del argv
    environment.prepare()
    from nasnet_keras import pretrained
    from nasnet_keras.networks.any import network_from_genotype
    from nasnet_keras.utils.files import write_saved

    values = flags.FLAGS
    if not values.output.endswith(".weights.h5"):
        raise app.UsageError(f"--output must end in .weights.h5, got {values.output!r}")
    card = pretrained.card(values.model)
    model = pretrained.load(values.model, preprocessing=False)
    network = {**card.network, "filters": values.filters, "classes": len(card.class_names)}
    wider = network_from_genotype(card.genotype, card.input_shape, **network)
    widen(model, wider, values.seed)
    write_saved(Path(values.output), wider.save_weights)


def widen(model: Any, wider: Any, seed: int = 0) -> None:
    """Give `wider` weights by which it computes the same as `model`, except for rounding.

    Raises:
        ValueError: `wider` is not the same network with up to twice the filters.
    """
    random = np.random.default_rng(seed)
    pairs = list(zip(model.weights, wider.weights, strict=True))
    widths = {pair for old, new in pairs for pair in zip(old.shape, new.shape, strict=True) if pair[0] != pair[1]}
    # Every map has a whole number of units: F channels, or half as many in each half of a factorized reduction.
    unit = math.gcd(*(old for old, _ in widths))
    wide = math.gcd(*(new for _, new in widths))
    if not 0 < unit < wide <= 2 * unit or any(old * wide != new * unit for old, new in widths):
        raise ValueError(f"expected the same network with up to twice the filters, got widths {sorted(widths)}")
    twins = random.permutation(unit)[: wide - unit]
    channels = np.concatenate([np.arange(unit), twins])

    def sources(old: int, new: int) -> np.ndarray:
        """The channel that each channel of the wider map copies."""
        if old == new:
            return np.arange(old)
        return np.concatenate([channels + first for first in range(0, old, unit)])

    def shares(old: int, new: int, readers: int) -> np.ndarray:
        """The share by which each of `readers` reads each channel of the wider map."""
        first = random.uniform(0.25, 0.75, (old, readers))[sources(old, new)]
        place = np.arange(new) % wide
        twin = np.isin(channels, twins)[place]
        return np.where(twin[:, None], np.where(place[:, None] < unit, first, 1.0 - first), 1.0)

    for old, new in pairs:
        values = np.asarray(old)[..., sources(old.shape[-1], new.shape[-1])]
        if values.ndim > 1:
            inputs = old.shape[-2], new.shape[-2]
            values = values[..., sources(*inputs), :]
            if inputs[0] != inputs[1] and "depthwise" not in old.path:  # depthwise kernels read each channel separately
                values = values * shares(*inputs, values.shape[-1])
        new.assign(values)


if __name__ == "__main__":  # defined here, since its test imports this file beside jobs with equal flags
    flags.DEFINE_string("model", None, "A model of the registry, or the path of its card.", required=True)
    flags.DEFINE_integer("filters", None, "F of the wider network: up to twice the model's.", required=True)
    flags.DEFINE_string("output", None, "The file to write, NAME.weights.h5.", required=True)
    flags.DEFINE_integer("seed", 0, "Seed of the choice of channels and of the shares.")
    app.run(main)
