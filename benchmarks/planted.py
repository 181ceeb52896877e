"""Count the trials that NAS' controller and random search need to find a hidden network, over many seeds.

    python benchmarks/planted.py

A network of the space is hidden. The reward of a trial is the cube of the share of decisions on numbers of filters and
on inputs in which it agrees with the hidden network; no network is trained. A run ends when all these decisions agree.
"""

from nasnet_keras.utils import environment

environment.prepare()

import time
from collections.abc import Callable

import numpy as np
from absl import app, flags
from measure import processor, restart

from nasnet_keras.search import algorithms
from nasnet_keras.search.algorithms.base import Algorithm
from nasnet_keras.search.algorithms.nas import NAS
from nasnet_keras.search.spaces.base import Choices
from nasnet_keras.search.spaces.nas import ChainSpace

_SEEDS = flags.DEFINE_integer("seeds", 20, "Hidden networks, and runs, with the seeds from 0.", lower_bound=1)
_LAYERS = flags.DEFINE_integer("num_layers", 4, "Layers of the networks.", lower_bound=1)
_TRIALS = flags.DEFINE_integer("trials", 5000, "Trials after which a run of the controller is given up.", lower_bound=1)
_ENTROPY = flags.DEFINE_float(
    "entropy_weight", None, "Weight of the controller's entropy; NAS' own by default.", lower_bound=0.0
)


def agreement(space: ChainSpace, hidden: Choices) -> Callable[[Choices], float]:
    """Make a function of choices: the share of the hidden network's numbers of filters and inputs that they have."""
    judged = [
        i for i, decision in enumerate(space.decisions) if "_filters" in decision.name or "_reads_" in decision.name
    ]
    wanted = np.array(hidden)[judged]
    return lambda choices: float((np.array(choices)[judged] == wanted).mean())


def trials_until_found(algorithm: Algorithm, share: Callable[[Choices], float], most: float) -> int | None:
    """Count the trials until all judged decisions agree; None if they are more than `most`."""
    trial = 0
    while trial < most:
        choices = algorithm.ask(trial)
        found = share(choices)
        trial += 1
        if found == 1.0:
            return trial
        algorithm.tell(choices, found**3)
    return None


def main(argv: list[str]) -> None:
    space = ChainSpace(num_layers=_LAYERS.value)
    settings = {} if _ENTROPY.value is None else {"entropy_weight": _ENTROPY.value}
    controller, counts = NAS(space, 0, **settings), {"nas": [], "random": []}
    print(f"{_LAYERS.value} layers, {processor()}; trials until the hidden network is found")
    started = time.monotonic()
    for seed in range(_SEEDS.value):
        share = agreement(space, space.sample(np.random.default_rng((2**40, seed))))
        restart(controller, NAS(space, seed, **settings))
        counts["nas"].append(trials_until_found(controller, share, _TRIALS.value))
        # Another seed: with the same one, a controller that is still uniform would propose the same networks.
        random = algorithms.make("random", space, _SEEDS.value + seed)
        counts["random"].append(trials_until_found(random, share, np.inf))
        print(f"seed {seed}: nas {counts['nas'][-1]}, random {counts['random'][-1]}", flush=True)
    for name, found in counts.items():
        known = [np.inf if count is None else count for count in found]
        quartiles = ", ".join(f"{value:,.0f}" for value in np.quantile(known, (0.25, 0.5, 0.75), method="nearest"))
        print(f"{name}: found {sum(map(np.isfinite, known))} of {len(found)}; quartiles {quartiles} trials")
    fewer = sum(nas is not None and nas < random for nas, random in zip(counts["nas"], counts["random"], strict=True))
    print(f"nas needs fewer trials in {fewer} of {_SEEDS.value}; {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    app.run(main)
