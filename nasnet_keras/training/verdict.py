"""What a training came to, in words: whether it learnt, whether more of it made it worse, and what to try then."""

from collections.abc import Mapping, Sequence
from typing import Any

from nasnet_keras.card import Card
from nasnet_keras.training.curve import Curve, accuracy_of, standard_error
from nasnet_keras.training.records import BEFORE
from nasnet_keras.utils.manual import documentation

__all__ = ["OF_ALL", "shares", "slower", "variety", "verdict", "with_advice"]

OF_ALL = "of the validation images"


def verdict(card: Card, history: Sequence[Mapping[str, Any]]) -> str:
    """Say what is wrong with a training whose last epoch is kept, in lines; empty if nothing is seen to be.

    Args:
        card: the card of the trained network.
        history: the figures of each epoch.
    """
    images = card.metrics.get("validation_images")
    if not images or not history:
        return ""
    curve, recipe = Curve(history, images), card.training.get("recipe", {})
    best, last, guessed = accuracy_of(curve.best), accuracy_of(curve.last), 1.0 / len(card.class_names)
    chance = 2 * standard_error(guessed, images)
    # Of so few images that chance may decide most of them, nothing is told.
    if chance <= (1 - guessed) / 2 and best <= guessed + chance:
        said = f"It has not learnt: at best {best:.4f} {OF_ALL} are right, and guessing gets {guessed:.4f} right"
        return with_advice(
            f"{said}.", {"other steps": f"{slower(recipe)}, or a higher rate; see the loss of each epoch"}
        )
    if not curve.has_fallen:
        return ""
    epoch = curve.best["epoch"]
    said = f"More training made it worse: after epoch {epoch}, {best:.4f} {OF_ALL} were right, after the last one, "
    said += f"{curve.last['epoch']}, whose weights are kept, {last:.4f}."
    before = card.training.get(BEFORE, 0)  # --epochs counts them too, and those of the history are of the last cycle
    kept = f"; until_epoch_{before} has the model from before these epochs" if before else ""
    steps = {"fewer epochs": f"--epochs={before + epoch}, in a new --workdir{kept}"}
    if curve.is_overfitted:
        known = curve.last["accuracy"]
        words = f"it knows its training images ({known:.4f} are right): {variety(card)}, or more images"
        steps = {"more variety": words} | steps
    else:
        steps = {"smaller steps": slower(recipe)} | steps
        if not recipe.get("average_decay"):
            steps["averaged weights"] = "--average_decay=0.99"
    return with_advice(said, steps)


def with_advice(said: str, steps: Mapping[str, str]) -> str:
    """Write a sentence, what to try, and the page that tells more.

    Example:
        >>> print(with_advice("It is worse.", {"fewer epochs": "--epochs=5"}).rpartition(chr(10))[0])
        It is worse.
        What to try, the likeliest first:
          fewer epochs: --epochs=5
    """
    lines = [f"  {title}: {step}" for title, step in steps.items()]
    page = documentation("validation_accuracy.md")
    return "\n".join([said, "What to try, the likeliest first:", *lines, f"{page} goes through all causes, in order."])


def slower(recipe: Mapping[str, Any], usual: Mapping[str, Any] | None = None) -> str:
    """Write the flags of a recipe's rates: a third of those it had, or the usual ones where these are lower."""
    rates = {name: recipe.get(name) for name in ("muon_rate", "learning_rate")}
    lower = {name: min(rate / 3, (usual or {}).get(name, rate)) for name, rate in rates.items() if rate}
    return " ".join(f"--{name}={rate:.2g}" for name, rate in lower.items())


def variety(card: Card) -> str:
    """Write the flags that vary the training images of a network."""
    return f"--cutmix=0.5 or --cutout={card.input_shape[0] // 4}"


def shares(entry: Mapping[str, float]) -> str:
    """Write the validation accuracy that an epoch is judged by, and what it is a share of."""
    of = f"{OF_ALL}, every class counting the same," if "validation_weighted_accuracy" in entry else OF_ALL
    return f"{accuracy_of(entry):.4f} {of}"
