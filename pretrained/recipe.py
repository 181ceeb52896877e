"""How networks are fine-tuned, as values."""

import dataclasses
from typing import Any

from nasnet_keras.training.recipes import Recipe
from nasnet_keras.utils.near import suggestion

__all__ = ["BATCH_NORM", "FINE_TUNE", "recipe_for"]

BATCH_NORM = ("adapt", "frozen")
_STEPS = 1000  # that a run should have
_FEWEST_STEPS = 300
_EPOCHS = (5, 60)  # unless these are fewer steps than the fewest

FINE_TUNE = Recipe(
    epochs=30,
    batch_size=32,
    learning_rate=0.005,
    muon_rate=0.01,
    warmup=0.1,
    weight_decay=5e-4,
    label_smoothing=0.1,
    average_decay=0.98,
)
"""All of a trained network on tens to thousands of images a class.

Lab note: from amoebanet_d_tiny_imagenet at 64 pixels, on two cores of an AMD EPYC (AVX-512), runs two at once. Test
accuracies, one run each: on CIFAR-10 with 100 and 20 images a class (1,000 test images), on the digits with 100 and 20
(300 test images). Plain descent had 10 epochs' patience, Muon as many as there are epochs; but where frozen, moving
statistics were brought half way to those of the new images first.

| | CIFAR-10, 100 | 20 | digits, 100 | 20 |
|---|---|---|---|---|
| plain descent at 0.005 | 0.589 | 0.452 | 0.953 | 0.893 |
| plain descent at 0.005, `batch_norm="frozen"` | 0.582 | 0.438 | 0.980 | 0.813 |
| Muon at 0.01 | 0.640 | 0.494 | 0.997 | 0.893 |
| Muon at 0.03 | 0.579 | 0.395 | 0.990 | 0.930 |
| Muon at 0.01, `batch_norm="frozen"` | 0.600 | 0.451 | 0.990 | 0.960 |
| from scratch, Muon at 0.05, 100 seconds | 0.541 | | 0.990 | |

Muon at 0.01 has 0.957 on the digits with 20, and 0.445 on CIFAR-10 with 20, where training begins with a head for
batches that are normalised by themselves, which is why it does. `benchmarks/README.md` has five seeds of the default.

Bringing the moving statistics to those of the new images before all this was a mistake: channels that these leave alone
have next to no variance, so one unusual image has features of 10⁵. With a head that divided each feature by its spread
it made of the digits with 20 images a class 0.30.
"""


def recipe_for(images: int, changes: dict[str, Any]) -> Recipe:
    """`FINE_TUNE` with changes.

    Args:
        images: number of images to train on. Without `epochs` among the changes, there are as many epochs as make about
            1,000 steps, from 5 to 60, or for few images as many as make 300 steps.
        changes: fields of `Recipe` by name; `epochs` may be 0 here, and counts as 1.

    Raises:
        ValueError: there is no such field, or a value is out of range.
    """
    known = {field.name for field in dataclasses.fields(Recipe)}
    if unknown := sorted(set(changes) - known):
        raise ValueError(f"a recipe has no {', '.join(unknown)}: {suggestion(unknown[0], known)}")
    if changes.get("auxiliary_weight"):
        raise ValueError("fine-tuning has no auxiliary head: leave auxiliary_weight at 0")
    recipe = dataclasses.replace(FINE_TUNE, **{**changes, "epochs": changes.get("epochs") or 1})
    if changes.get("epochs") is not None:
        return recipe
    batches = images / min(recipe.batch_size, images)
    fewest, most = _EPOCHS
    epochs = max(min(max(round(_STEPS / batches), fewest), most), round(_FEWEST_STEPS / batches))
    return dataclasses.replace(recipe, epochs=epochs)
