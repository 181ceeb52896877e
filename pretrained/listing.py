"""The models of the package by name, and what each is for; without Keras, so that it takes no time."""

import fnmatch
from collections.abc import Sequence
from pathlib import Path

from nasnet_keras.card import Card, is_card
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.near import suggestion
from nasnet_keras.utils.workdir import is_workdir
from nasnet_keras.weights.file import CardError

__all__ = ["CARDS", "card", "card_path", "list_models", "table"]

CARDS = Path(__file__).parent / "cards"
"""The folder of the cards of the package."""
_BESIDE = (".weights.h5", ".keras")  # ends of the names of files that lie beside their cards
_KINDS = (  # by the largest side in pixels: what such images are
    (48, "small images, about {}×{} pixels"),
    (128, "small photographs, about {}×{} pixels"),
    (100_000, "photographs, about {}×{} pixels"),
)


def list_models(pattern: str | None = None) -> list[str]:
    """The names of the models that come with the package or are downloaded by it.

    Args:
        pattern: with `*`, `?` and `[…]` as in file names; a name must match it as a whole.

    Example:
        >>> "amoebanet_d_tiny_imagenet" in list_models("*imagenet")
        True
    """
    names = sorted(path.stem for path in CARDS.glob("*.json"))
    return names if pattern is None else fnmatch.filter(names, pattern)


def card(model: str | Path) -> Card:
    """Read the card of a model.

    Args:
        model: a name of `list_models`, the path of a card, `NAME.json`, or of the weight file beside it,
            `NAME.weights.h5`; or of a folder that has these two, as that of a run.

    Raises:
        CardError: there is no such model, its card cannot be used, or a name is also that of a folder with a card.

    Example:
        >>> card("amoebanet_d_tiny_imagenet").class_names[3]
        'tailed frog'
    """
    return Card.read(card_path(model))


def card_path(model: str | Path) -> Path:
    """The path of the card that a name, or the path of a card, a weight file or their folder, stands for.

    Raises:
        CardError: there is no such model, or a name is also that of a folder with a card.
    """
    if not isinstance(model, str | Path):
        raise CardError(f"expected a name of list_models(), or the path of a card, got {type(model).__name__}")
    text = str(model)
    if suffix := next((suffix for suffix in _BESIDE if text.endswith(suffix)), None):
        path = Path(text.removesuffix(suffix) + ".json")
        if not path.is_file():
            raise CardError(f"no card {path} beside {text}: expected the two that nasnet-train wrote")
        return path
    names = list_models()
    if _is_folder(text):
        if isinstance(model, Path) or text not in names:
            return _card_in(Path(text))
        if any(map(is_card, Path(text).glob("*.json"))):
            raise CardError(
                f"{text} is a model of the package, and a folder here with a model of its own: give ./{text} for that "
                f"of the folder, or the name from another folder for that of the package"
            )
    if isinstance(model, Path) or text.endswith(".json") or "/" in text:
        if not Path(text).is_file():
            raise CardError(f"no card {quoted(text)}: expected the path of NAME.json, or a name of list_models()")
        return Path(text)
    if text not in names:
        raise CardError(f"no model {quoted(text)}: {suggestion(text, names)}, or the path of a card, NAME.json")
    return CARDS / f"{text}.json"


def _is_folder(text: str) -> bool:
    try:
        return Path(text).is_dir()
    except OSError:  # a name that is too long
        return False


def _card_in(folder: Path) -> Path:
    """The path of the one card in a folder that has weights beside it."""
    cards = [path for path in sorted(folder.glob("*.json")) if path.with_suffix(".weights.h5").is_file()]
    if not cards and is_workdir(folder):
        raise CardError(f"the run in {folder} is not finished: it has no model yet; the command that began it goes on")
    if len(cards) != 1:
        found = ", ".join(path.name for path in cards) or "none"
        raise CardError(f"expected one card and its weights, NAME.json and NAME.weights.h5, in {folder}, got {found}")
    return cards[0]


def table(cards: Sequence[Card]) -> str:
    """Write the accuracy, size and speed of models, and what each is for, in lines for a terminal.

    Models for the same images stand together, the most accurate first; the most accurate and the fastest measured ones
    of the same data set are named so.
    """
    lines = [f"{'model':26s} {'accuracy':>8s} {'size':>10s} {'speed':>8s}  for"]
    for card in sorted(cards, key=lambda each: (max(each.input_shape), each.dataset["name"], -_accuracy(each))):
        alike = [each for each in cards if each.dataset["name"] == card.dataset["name"]]
        known = {each.name: speed for each in alike if (speed := _milliseconds(each)) is not None}
        size = f"{card.weights.size / 2**20:.1f} MiB" if card.weights.size else ""
        speed = f"{known[card.name]:.3g} ms" if card.name in known else ""
        use = _use(card)
        if len(alike) > 1:
            use += ", the most accurate" if _accuracy(card) == max(map(_accuracy, alike)) else ""
            use += ", the fastest" if speed and known[card.name] == min(known.values()) else ""
        if card.weights.url:
            use += "; downloaded"
        lines.append(f"{card.name:26s} {_accuracy(card):8.1%} {size:>10s} {speed:>8s}  {use}")
    return "\n".join(lines)


def _use(card: Card) -> str:
    """The images that a model is for, and those that it knows."""
    height, width, _ = card.input_shape
    kind = next(text for most, text in _KINDS if max(height or 0, width or 0) <= most)
    return f"{kind.format(height, width)} ({card.dataset['name']}, {len(card.class_names):,} classes)"


def _accuracy(card: Card) -> float:
    return card.metrics["test_accuracy"]


def _milliseconds(card: Card) -> float | None:
    """The latency of one image by LiteRT in one thread."""
    found = (each["median_ms"] for each in card.latencies if (each["runtime"], each["threads"]) == ("litert", 1))
    return next(found, None)
