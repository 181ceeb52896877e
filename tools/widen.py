"""Write the weights of a wider network that computes what a model of the registry computes, to train it from there.

    python tools/widen.py --model=NAME --filters=F --output=FILE.weights.h5

Net2Net (Chen et al. 2016, arXiv 1511.05641): some channels get a twin, and what reads the two reads each by a share.
The shares differ, so that training drives the twins apart. NAME may be the path of a card, too.
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
    """Give `wider` weights by which it computes what `model` does, but for rounding.

    Raises:
        ValueError: it is not the same network with up to twice the filters.
    """
    random = np.random.default_rng(seed)
    pairs = list(zip(model.weights, wider.weights, strict=True))
    widths = {pair for old, new in pairs for pair in zip(old.shape, new.shape, strict=True) if pair[0] != pair[1]}
    # Every map has a whole number of units: F channels, or half as many where a factorized reduction makes two halves.
    unit = math.gcd(*(old for old, _ in widths))
    wide = math.gcd(*(new for _, new in widths))
    if not 0 < unit < wide <= 2 * unit or any(old * wide != new * unit for old, new in widths):
        raise ValueError(f"expected the same network with up to twice the filters, got widths {sorted(widths)}")
    twins = random.permutation(unit)[: wide - unit]
    channels = np.concatenate([np.arange(unit), twins])

    def sources(old: int, new: int) -> np.ndarray:
        """For each channel of the wider map the one that it is a copy of."""
        if old == new:
            return np.arange(old)
        return np.concatenate([channels + first for first in range(0, old, unit)])

    def shares(old: int, new: int, readers: int) -> np.ndarray:
        """By which share each of `readers` reads each channel of the wider map."""
        first = random.uniform(0.25, 0.75, (old, readers))[sources(old, new)]
        place = np.arange(new) % wide
        twin = np.isin(channels, twins)[place]
        return np.where(twin[:, None], np.where(place[:, None] < unit, first, 1.0 - first), 1.0)

    for old, new in pairs:
        values = np.asarray(old)[..., sources(old.shape[-1], new.shape[-1])]
        if values.ndim > 1:
            inputs = old.shape[-2], new.shape[-2]
            values = values[..., sources(*inputs), :]
            if inputs[0] != inputs[1] and "depthwise" not in old.path:  # those read each channel for itself
                values = values * shares(*inputs, values.shape[-1])
        new.assign(values)


if __name__ == "__main__":  # here, as its test imports this file beside the jobs, whose flags have the same names
    flags.DEFINE_string("model", None, "A model of the registry, or the path of its card.", required=True)
    flags.DEFINE_integer("filters", None, "F of the wider network: up to twice the model's.", required=True)
    flags.DEFINE_string("output", None, "The file to write, NAME.weights.h5.", required=True)
    flags.DEFINE_integer("seed", 0, "Of which channels get a twin, and of the shares.")
    app.run(main)
