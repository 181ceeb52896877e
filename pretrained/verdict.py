"""What a fine-tuning came to, in words: the weights that were kept, why, and what to try if training made it worse."""

from collections.abc import Mapping, Sequence
from typing import Any

from nasnet_keras.card import Card
from nasnet_keras.pretrained.recipe import FINE_TUNE
from nasnet_keras.training.curve import Curve, accuracy_of
from nasnet_keras.training.records import BEFORE
from nasnet_keras.training.verdict import shares, slower, variety, with_advice
from nasnet_keras.utils.manual import counted

__all__ = ["verdict"]

_FEW_IMAGES, _FEW_OF_A_CLASS, _FEW_TO_VALIDATE = 200, 30, 50
_SMALL_BATCH = 16


def verdict(card: Card, history: Sequence[Mapping[str, Any]]) -> str:
    """Say which epoch's weights were kept, against those before and after; empty if the head alone was trained.

    Args:
        card: the card of the fine-tuned network.
        history: the figures of each epoch, from epoch 0, before the whole network was trained.
    """
    images, kept = card.metrics.get("validation_images"), card.training.get("kept_epoch")
    if len(history) < 2 or not images or kept is None or not 0 <= kept < len(history):
        return ""
    before = card.training.get(BEFORE)
    start = f"the model of {counted(before, 'epoch')}" if before else "the head alone"
    if kept:
        return _gain(history, kept, start)
    trained = Curve(history[1:], images)
    was_better = accuracy_of(trained.best) > accuracy_of(trained.last)
    best = f"at best {_after(trained.best)}, and " if was_better else ""
    said = (
        f"{start[0].upper()}{start[1:]} was kept: with it, {shares(history[0])} were right. Training the whole network "
        f"made it worse: {best}{_after(trained.last)}, the last one."
    )
    return with_advice(said, _advice(card, trained))


def _gain(history: Sequence[Mapping[str, Any]], kept: int, start: str) -> str:
    """The accuracy of the epoch that was kept, against those of the first and of the last one, in a sentence."""
    others, which = [f"{accuracy_of(history[0]):.4f} with {start}"], ", the last one,"
    if kept != len(history) - 1:
        others, which = [*others, f"{_after(history[-1])}, the last one"], ""
    return f"Epoch {kept}{which} was kept: {shares(history[kept])} were right, against {' and '.join(others)}."


def _after(entry: Mapping[str, Any]) -> str:
    return f"{accuracy_of(entry):.4f} after epoch {entry['epoch']}"


def _advice(card: Card, trained: Curve) -> dict[str, str]:
    """What to try, by the situation: short names, each with flags or what else to do."""
    training = card.training
    recipe, images = training["recipe"], card.dataset["images"]["train"]
    of_a_class = images / len(card.class_names)
    steps: dict[str, str] = {}
    if len(trained.history) > 1 and trained.best is trained.last:
        epochs = training.get(BEFORE, 0) + 3 * recipe["epochs"]  # --epochs counts all, also those of trainings before
        steps["more epochs"] = f"it was still rising: --epochs={epochs} --patience={2 * recipe['epochs']}"
    if trained.is_overfitted:
        steps["more images"] = (
            f"it knows those that it was trained on ({trained.last['accuracy']:.4f} of them right); "
            f"{variety(card)} varies them"
        )
    steps["smaller steps"] = slower(recipe, FINE_TUNE.to_json())
    if training["batch_norm"] != "frozen" and (images < _FEW_IMAGES or recipe["batch_size"] < _SMALL_BATCH):
        steps["the statistics of the trained network"] = "--batch_norm=frozen, for few images or small batches"
    if of_a_class < _FEW_OF_A_CLASS:
        steps.setdefault("more images", f"there are {of_a_class:.0f} of a class to train on")
    if trained.images < _FEW_TO_VALIDATE:
        steps["more validation images"] = (
            f"one of {trained.images} is worth {1 / trained.images:.4f}: --validation_fraction=0.4, or --validation_dir"
        )
    return {**steps, "fewer layers": "--head_only leaves the network as it is, in a fraction of the time"}
