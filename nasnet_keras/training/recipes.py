"""Recipes: how a network is trained, as values, each with its lab note."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from nasnet_keras.training.augmentation import Augmentation
from nasnet_keras.utils.checks import choice, number, positive_integer, quoted

__all__ = ["PRECISIONS", "PREPROCESSING", "RECIPES", "SCHEDULES", "Recipe", "default_recipe"]

SCHEDULES = ("cosine", "one_cycle")
PRECISIONS = ("float32", "mixed_bfloat16")
PREPROCESSING = {"scale": 1 / 127.5, "offset": -1.0}
"""What networks read of images, for cards: `step.scaled` does it."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        epochs: passes over the training images.
        batch_size: images a step; all of them where there are fewer.
        learning_rate: the highest.
        muon_rate: the share of its norm by which Muon turns the kernel of a convolution a step, at the highest; 0 for
            gradient descent by `learning_rate`, which all other weights go by. See `nasnet_keras.training.muon`.
        schedule: `"cosine"`, from the highest to zero, or `"one_cycle"`, straight up to it and straight down to zero.
        warmup: share of the steps in which the learning rate rises to its highest, in [0, 1).
        weight_decay: times half the sum of squares of all kernels is added to the loss; of those that Muon turns, not.
        clip_norm: largest norm of the gradient, of what Muon does not turn; 0 for no clipping.
        sam_radius: how far uphill gradients are taken, relative to each weight, for flatter minima; 0 for none of it.
            See `StepConfig`; a step takes twice as long.
        label_smoothing: share of the target that is spread over all classes, in [0, 1).
        drop_path_rate: of the last cell at the end of training; grows with depth and progress.
        dropout_rate: before the classifier.
        auxiliary_weight: of the auxiliary head's loss; 0 for no head.
        average_decay: of the moving average of weights that is judged and kept; 0 for the last weights themselves.
        pad, flip, cutout, cutmix: see `Augmentation`.
        sizes: `((progress, size), …)`: from this progress on, from 0 to 1, images are scaled to this share of their
            side. Small images first make early epochs cheap.
        batch_norm_momentum: of the moving statistics.
        precision: `"float32"`, or `"mixed_bfloat16"` to compute in bfloat16 and keep weights in float32, which is
            faster on recent GPUs and slower on most processors. There is no float16: its loss would need scaling.

    Raises:
        ValueError: a value is out of range, or two contradict each other.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    muon_rate: float = 0.0
    schedule: str = "cosine"
    warmup: float = 0.0
    weight_decay: float = 5e-4
    clip_norm: float = 5.0
    sam_radius: float = 0.0
    label_smoothing: float = 0.0
    drop_path_rate: float = 0.0
    dropout_rate: float = 0.0
    auxiliary_weight: float = 0.0
    average_decay: float = 0.0
    pad: int = 4
    flip: bool = True
    cutout: int = 0
    cutmix: float = 0.0
    sizes: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    batch_norm_momentum: float = 0.9
    precision: str = "float32"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            object.__setattr__(self, name, positive_integer(name, getattr(self, name)))
        from_zero = ("weight_decay", "clip_norm", "sam_radius", "auxiliary_weight")
        below_one = ("muon_rate", "warmup", "label_smoothing", "drop_path_rate", "dropout_rate", "average_decay")
        for names, legal, expected in (
            (("learning_rate",), lambda v: 0.0 < v < math.inf, "positive"),
            (from_zero, lambda v: 0.0 <= v < math.inf, "0 or positive"),
            ((*below_one, "batch_norm_momentum"), lambda v: 0.0 <= v < 1.0, "in [0, 1)"),
        ):
            for name in names:
                number(name, getattr(self, name), expected, legal)
        for name, legal in (("schedule", SCHEDULES), ("precision", PRECISIONS)):
            choice(name, getattr(self, name), legal)
        if self.schedule == "one_cycle" and not self.warmup:
            raise ValueError("schedule 'one_cycle' goes up before it goes down: give a warmup above 0")
        object.__setattr__(self, "sizes", _sizes(self.sizes))
        if self.auxiliary_weight and any(size != 1.0 for _, size in self.sizes):
            raise ValueError(
                f"sizes {self.sizes} and auxiliary_weight {self.auxiliary_weight} contradict each other: the auxiliary "
                f"head reads maps of one size"
            )
        self.augmentation  # noqa: B018 – it checks its own values
        for name, kind in (("pad", int), ("cutout", int), ("flip", bool)):  # NumPy's are no JSON values
            object.__setattr__(self, name, kind(getattr(self, name)))

    @staticmethod
    def upgraded(values: Any) -> Any:
        """The fields of a recipe that an earlier version wrote, with what that version did where it had no choice.

        What is no dict, in a damaged file, comes back as it is: it is another recipe than any.
        """
        if not isinstance(values, dict):
            return values
        return {"precision": "float32", "muon_rate": 0.0, "sam_radius": 0.0, "cutmix": 0.0, **values}

    @property
    def augmentation(self) -> Augmentation:
        """What is done to training images."""
        return Augmentation(self.pad, self.flip, self.cutout, self.cutmix)

    @property
    def network(self) -> dict[str, Any]:
        """Arguments of the network that serve its training only."""
        return {
            "auxiliary_head": self.auxiliary_weight > 0,
            "drop_path_rate": self.drop_path_rate,
            "dropout_rate": self.dropout_rate,
        }

    def rate(self, progress: float) -> float:
        """The learning rate at a progress from 0 to 1.

        Example:
            >>> round(Recipe(1, 32, 0.1).rate(0.5), 6)
            0.05
        """
        if progress < self.warmup:
            return self.learning_rate * progress / self.warmup
        rest = (progress - self.warmup) / (1.0 - self.warmup)
        down = 1.0 - rest if self.schedule == "one_cycle" else 0.5 * (1.0 + math.cos(math.pi * rest))
        return self.learning_rate * down

    def size(self, progress: float) -> float:
        """The share of their side that images have at a progress from 0 to 1."""
        return next(size for start, size in reversed(self.sizes) if progress >= start)

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return {**dataclasses.asdict(self), "sizes": [list(pair) for pair in self.sizes]}


def _sizes(value: Any) -> tuple[tuple[float, float], ...]:
    try:
        sizes = tuple((float(start), float(size)) for start, size in value)
    except (TypeError, ValueError, OverflowError):
        sizes = ()
    starts = [start for start, _ in sizes]
    legal = starts and starts[0] == 0.0 and starts == sorted(set(starts)) and starts[-1] < 1.0
    if not legal or not all(0.0 < size <= 1.0 for _, size in sizes) or sizes[-1][1] != 1.0:
        raise ValueError(
            f"sizes must be pairs (progress, size), from progress 0 upwards, with sizes up to 1 and 1 the last, "
            f"got {quoted(value)}"
        )
    return sizes


PAPER = Recipe(
    epochs=600,
    batch_size=32,
    learning_rate=0.025,
    drop_path_rate=0.4,
    auxiliary_weight=0.4,
    cutout=16,
)
"""NASNet-A on CIFAR-10 as published: Zoph et al. 2018, appendix A.4, with the constants of the released code.

Lab note: not run here; 600 epochs of 6 @ 768 are weeks on two cores. Published: 2.65% error (mean of 5 runs), on the
original images; the pad of 4 pixels is the released code's 40×40 border.
"""

SHORT = Recipe(
    epochs=30,
    batch_size=128,
    learning_rate=0.1,
    muon_rate=0.03,
    schedule="one_cycle",
    warmup=0.1,
    weight_decay=5e-4,
    label_smoothing=0.1,
    average_decay=0.995,
    sizes=((0.0, 0.5), (0.3, 0.75), (0.6, 1.0)),
)
"""The most of a few CPU hours: Muon, one cycle of the rates, small images first, averaged weights.

Lab note, on two cores of an Intel Xeon (AVX-512), one run each. NASNet-A (N=1, F=24) on CIFAR-10 at half its size,
three epochs of 45,000 images in batches of 64: validation accuracy 0.741 with Muon (rate 0.05), 0.693 by plain descent
(learning rate 0.15). Batches of 128 train 1.2 times as many images a second as those of 64. Rates above 0.05 are
for a few epochs: AmoebaNet-D on Tiny ImageNet stood still at 0.08 where it learnt at 0.03. Before Muon, NASNet-A (N=2,
F=24) by this schedule and a learning rate of 0.15 had 0.9009 of CIFAR-10's test images right after 30 epochs. With it,
NASNet-A (N=1, F=32) has 0.9021 right after 24 (rate 0.04, cutout 12), AmoebaNet-D (N=2, F=32) 0.9013: the cards of
`nasnet_a_cifar10` and `amoebanet_d_cifar10` have the commands. Our search's cell (`searched_cifar10`), trained as
NASNet-A to the letter, has 0.8918.
The longer a training, the lower its best rate, on two cores of an AMD EPYC, one run each, validation accuracy by
`nasnet-train --dataset=cifar10 --image_size=16 --genotype=docs/studies/convolutions_cifar10/best_genotype.json
--num_repeats=1 --recipe=short --sizes=0:1 --validation_fraction=0.04` and: `--filters=32 --epochs=4`, 0.7755 at
`--muon_rate=0.04` and 0.7625 at 0.012; `--filters=16 --epochs=10 --precision=mixed_bfloat16`, 0.781 at 0.04, 0.787 at
0.015, 0.7605 at 0.007, and 0.769 by plain descent (0, `--learning_rate=0.2`). With 32 filters this made 3.6 steps a
second in float32, and 4.8 in bfloat16.
More width alone is soon learnt by heart: that cell with 48 filters, 30 epochs at a rate of 0.02, ended with 0.964 of
its augmented training images right and 0.9095 of the test images, where NASNet-A of a third of the size ended with
0.929 and 0.9021. A second cycle from its weights, 19 epochs at full size, cutout 16, averages over 500 steps, ended
with 0.933 and 0.9130 (`--filters=48 --recipe=short --epochs=19 --sizes=0:1 --muon_rate=0.02 --cutout=16
--average_decay=0.998 --validation_fraction=0.04 --precision=mixed_bfloat16`; the first with `--epochs=30
--sizes=0:0.5,0.35:0.75,0.7:1 --cutout=12` instead, without initial weights and `--average_decay`).
CutMix did not pay in as few epochs: a third cycle with it, from the second's weights, ended with 0.9078 of the test
images. It was stopped after 10.1 epochs (as the second, but `--epochs=20 --cutmix=0.5`; 0.878 of the validation images,
as the second then) and went on from its averaged weights for 7 more (`--epochs=7 --muon_rate=0.011 --warmup=0.02
--seed=1`), to 0.9065 of them, where the second ended with 0.916.
Nor did flatter minima: seven epochs with SAM from the second cycle's weights (as it, but `--epochs=7 --muon_rate=0.012
--sam_radius=0.7`, 2.1 hours of 2.9 seconds a step) ended with 0.9123 of the test images and 0.908 of the validation
images, 0.925 of its augmented training images right (the second: 0.933). That is the accuracy that it began with
again, not more.
More width from there did: the second cycle's network, widened to 64 filters by `tools/widen.py --model=CARD
--filters=64`, which computes the same (0.916 of the validation images before and after), and a third cycle, of 19
epochs, the first six of images at three quarters of their side and at the highest rates, ended with 0.949 of its
augmented training images and 0.9224 of the test images right, after 1.9 hours on two cores of an AMD EPYC (AVX-512),
one run: `searched_wide_cifar10`. Its card has the command; `docs/models/` has the logs of all three. It kept 500 images
for validation, a quarter of the second's, and so had 3% more to learn from.
"""

DIGITS = Recipe(epochs=30, batch_size=64, learning_rate=0.1, warmup=0.1, pad=1, flip=False, average_decay=0.9)
"""For the embedded handwritten digits, which must not be mirrored.

Lab note: `nasnet-train` (NASNet-A, N=2, F=16, 370,202 parameters): test accuracy 0.9933 on 300 images, one run, 108
seconds beside two other jobs on two cores of an AMD EPYC (AVX-512).
"""

RECIPES = {"paper": PAPER, "short": SHORT, "digits": DIGITS}


def default_recipe(dataset: str) -> str:
    """The name of the recipe to start from where nobody named one."""
    return "digits" if dataset == "digits" else "short"
