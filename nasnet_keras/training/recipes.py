"""Recipes: how a network is trained, as values, each with its lab note."""

import dataclasses
import math
from dataclasses import MISSING, dataclass
from typing import Any

from nasnet_keras.training.augmentation import Augmentation, mirrors, pixels
from nasnet_keras.utils import settings, values
from nasnet_keras.utils.checks import LARGEST, quoted
from nasnet_keras.utils.groups import Group
from nasnet_keras.utils.near import suggestion
from nasnet_keras.utils.settings import documented, grouped, setting
from nasnet_keras.utils.values import Kind, from_zero, number, share

__all__ = ["AUTO", "PRECISIONS", "PREPROCESSING", "RECIPES", "SCHEDULES", "Recipe", "default_recipe", "recipe_of"]

SCHEDULES = ("cosine", "one_cycle")
PRECISIONS = ("float32", "mixed_bfloat16")
AUTO = "auto"
"""The precision of a recipe that leaves the choice to the job, which measures: see `training.precision`."""

PREPROCESSING = {"scale": 1 / 127.5, "offset": -1.0}
"""What networks read of images, for cards: `inputs.scaled` does it."""


def _sizes(name: str, value: Any) -> tuple[tuple[float, float], ...]:
    """Pairs (progress, size), checked."""
    try:
        sizes = tuple((float(start), float(size)) for start, size in value)
    except (TypeError, ValueError, OverflowError):
        sizes = ()
    starts = [start for start, _ in sizes]
    legal = starts and starts[0] == 0.0 and starts == sorted(set(starts)) and starts[-1] < 1.0
    if not legal or not all(0.0 < size <= 1.0 for _, size in sizes) or sizes[-1][1] != 1.0:
        raise ValueError(
            f"{name} must be pairs (progress, size), from progress 0 upwards, with sizes up to 1 and 1 the last, "
            f"got {quoted(value)}"
        )
    return sizes


_COUNT = values.positive(LARGEST)
_RATE = number("positive", lambda value: value > 0.0)
_PIXELS = Kind(pixels, "integer")
_SIZES = Kind(_sizes, "list", parse=lambda pairs: [pair.split(":") for pair in pairs])
_TO_ONE = number("in [0, 1]", lambda value: 0.0 <= value <= 1.0)


@documented
@grouped(Group.RECIPE)
@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    There is more on `muon_rate` in `nasnet_keras.training.muon`, on `sam_radius` in `StepConfig`, and on `pad`, `flip`,
    `cutout` and `cutmix` in `Augmentation`.

    Raises:
        ValueError: a value is out of range, or two contradict each other.

    Example:
        >>> round(Recipe(epochs=5, batch_size=64, learning_rate=0.1, warmup=0.2).rate(0.1), 3)
        0.05
    """

    epochs: int = setting(MISSING, "Passes over the training images.", _COUNT)
    batch_size: int = setting(
        MISSING, "Images in a step, over all devices; all training images if these are fewer.", _COUNT
    )
    learning_rate: float = setting(MISSING, "Peak learning rate.", _RATE)
    muon_rate: float = setting(
        0.0,
        "Peak share of its norm by which Muon turns the kernel of a convolution in a step; 0 turns Muon off, and "
        "kernels descend by the learning rate as all other weights do.",
        share(),
        assumed=0.0,
    )
    schedule: str = setting(
        "cosine",
        "Schedule of the learning rate after the warm-up: it falls to zero along a cosine, or in one_cycle straight.",
        values.choice(*SCHEDULES),
    )
    warmup: float = setting(
        0.0, "Share of the steps, from 0 to below 1, in which the learning rate rises to its peak.", share()
    )
    weight_decay: float = setting(
        5e-4,
        "Weight decay: this times half the sum of squares of the kernels is added to the loss, except for kernels that "
        "Muon turns.",
        from_zero(),
    )
    clip_norm: float = setting(
        5.0, "Largest norm of the gradient, without the kernels that Muon turns; 0 turns clipping off.", from_zero()
    )
    sam_radius: float = setting(
        0.0,
        "Distance uphill, relative to each weight, at which SAM takes gradients, such as 0.5; 0 turns SAM off. "
        "With it a step takes twice as long.",
        from_zero(),
        assumed=0.0,
    )
    label_smoothing: float = setting(0.0, "Share of the target that is spread over all classes.", share())
    drop_path_rate: float = setting(
        0.0,
        "Probability that a path of the last cell is dropped at the end of training; it grows with depth and progress.",
        share(),
    )
    dropout_rate: float = setting(0.0, "Probability of dropout before the classifier.", share())
    auxiliary_weight: float = setting(
        0.0, "Weight of the auxiliary head's loss; 0 builds no auxiliary head.", from_zero()
    )
    average_decay: float = setting(
        0.0,
        "Decay of the moving average of the weights, which is judged and kept; 0 keeps the last weights themselves.",
        share(),
    )
    pad: int = setting(4, "Pixels of grey border that random crops are taken from; 0 turns cropping off.", _PIXELS)
    flip: bool = setting(True, "Mirror each image in every second epoch.", Kind(mirrors, "bool"))
    cutout: int = setting(0, "Side in pixels of a grey square laid over each image; 0 turns it off.", _PIXELS)
    cutmix: float = setting(
        0.0,
        "Share of the images that get a rectangle of another image, and a share of its label.",
        _TO_ONE,
        assumed=0.0,
    )
    sizes: tuple[tuple[float, float], ...] = setting(
        ((0.0, 1.0),),
        "Sizes of the training images as PROGRESS:SIZE,…: from each progress on, from 0 to 1, images are scaled to "
        "that share of their side. Small images first make early epochs cheap.",
        _SIZES,
    )
    batch_norm_momentum: float = setting(0.9, "Momentum of batch normalization's moving statistics.", share())
    precision: str = setting(
        "float32",
        "Type that layers compute in. With mixed_bfloat16 weights stay float32; it is faster on recent GPUs, and on "
        "processors with instructions for it, where depthwise gradients that have none stay float32. With auto a few "
        "steps are measured, and the faster one is recorded and kept. There is no float16: its loss would need "
        "scaling.",
        values.choice(*PRECISIONS, AUTO),
        assumed="float32",
    )

    def __post_init__(self) -> None:
        settings.check(self)
        if self.schedule == "one_cycle" and not self.warmup:
            raise ValueError("schedule 'one_cycle' goes up before it goes down: give a warmup above 0")
        if self.auxiliary_weight and any(size != 1.0 for _, size in self.sizes):
            raise ValueError(
                f"sizes {self.sizes} and auxiliary_weight {self.auxiliary_weight} contradict each other: the auxiliary "
                f"head reads maps of one size"
            )

    @staticmethod
    def upgraded(found: Any) -> Any:
        """The fields of a recipe that an earlier version wrote, with the values that settings of today had then.

        A value of another type, in a damaged file, is returned as it is and differs from every recipe.
        """
        return settings.upgraded(Recipe, found) if isinstance(found, dict) else found

    @property
    def augmentation(self) -> Augmentation:
        """The augmentation of training images."""
        return Augmentation(self.pad, self.flip, self.cutout, self.cutmix)

    @property
    def network(self) -> dict[str, Any]:
        """Arguments of the network that are needed for its training only."""
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


def recipe_of(value: Recipe | str) -> Recipe:
    """The recipe that is given as itself or by its name.

    Raises:
        ValueError: it is neither.

    Example:
        >>> recipe_of("short").epochs
        30
    """
    if isinstance(value, Recipe):
        return value
    if not isinstance(value, str) or value not in RECIPES:
        raise ValueError(f"recipe must be a Recipe or a name, got {quoted(value)}: {suggestion(str(value), RECIPES)}")
    return RECIPES[value]


def default_recipe(dataset: str) -> str:
    """The name of the recipe that a data set is trained by unless another one is named."""
    return "digits" if dataset == "digits" else "short"
