"""How networks are fine-tuned, as values."""

import dataclasses
from typing import Any

from nasnet_keras.training.recipes import Recipe

__all__ = ["BATCH_NORM", "FINE_TUNE", "recipe_for"]

BATCH_NORM = ("adapt", "frozen")
_STEPS, _EPOCHS = 1000, (5, 60)

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

Lab note: from amoebanet_d_tiny_imagenet to CIFAR-10, two cores of an Intel Xeon, accuracy on 2,000 test images, one
run each. 20 images a class, seed 1: the head alone 0.424; rate 0.002, 0.466; 0.005, 0.481 (0.497 with patience 10
instead of 60); 0.02, 0.463. Crops from 8 pixels of border instead of 4: 0.474. Seed 0: 0.463 at 0.005, 0.454 at 0.02;
`batch_norm="frozen"` at 0.02, 0.432. `benchmarks/README.md` has five seeds of what became the default.
"""


def recipe_for(images: int, changes: dict[str, Any]) -> Recipe:
    """`FINE_TUNE` with changes.

    Args:
        images: how many there are to train on; without `epochs`, there are as many as make about 1,000 steps, from 5
            to 60.
        changes: fields of `Recipe` by name; `epochs` may be 0 here, and counts as 1.

    Raises:
        ValueError: there is no such field, or a value is out of range.
    """
    known = {field.name for field in dataclasses.fields(Recipe)}
    if unknown := sorted(set(changes) - known):
        raise ValueError(f"a recipe has no {', '.join(unknown)}; it has {', '.join(sorted(known))}")
    if changes.get("auxiliary_weight"):
        raise ValueError("fine-tuning has no auxiliary head: leave auxiliary_weight at 0")
    recipe = dataclasses.replace(FINE_TUNE, **{**changes, "epochs": changes.get("epochs") or 1})
    if changes.get("epochs") is not None:
        return recipe
    fewest, most = _EPOCHS
    epochs = round(_STEPS * min(recipe.batch_size, images) / images)
    return dataclasses.replace(recipe, epochs=min(max(epochs, fewest), most))
