"""The name that a misspelt one was meant to be, for errors."""

import difflib
from collections.abc import Iterable
from typing import NoReturn

__all__ = ["alike", "nearest", "refuse_argument", "suggestion"]

_SHOWN = 40  # legal names in an error
_LONGEST = 100  # letters of an unknown name that are compared with the legal ones
_LIKE = 0.75  # difflib's ratio: num_classes is classes, added is add; train is not pretrained, model not model_cost


def nearest(word: str, names: Iterable[str]) -> str | None:
    """Find the name that is most like a word, None if none is; capitals, underscores and hyphens make no difference.

    Example:
        >>> nearest("CIFAR-10", ["cifar10", "cifar100"]), nearest("num_classes", ["classes"]), nearest("x", ["classes"])
        ('cifar10', 'classes', None)
    """
    by_plain: dict[str, str] = {}
    for name in names:
        by_plain.setdefault(_plain(name), name)
    found = difflib.get_close_matches(_plain(word), by_plain, n=1, cutoff=_LIKE)
    return by_plain[found[0]] if found else None


def alike(word: str, names: Iterable[str]) -> str | None:
    """Find the name that is a word but for capitals, underscores and hyphens, None if none is.

    Example:
        >>> alike("NasNet_large", ["NASNetLarge", "NASNetMobile"])
        'NASNetLarge'
    """
    return next((name for name in names if _plain(name) == _plain(word)), None)


def suggestion(word: str, names: Iterable[str]) -> str:
    """Compose the end of an error message about an unknown name: the nearest legal name, then the legal ones.

    Example:
        >>> suggestion("sep_conv3x3", ["sep_conv_3x3", "identity"])
        "did you mean 'sep_conv_3x3'? Legal are: identity, sep_conv_3x3"
    """
    names = sorted(names)
    if not names:
        return "there are none"
    near = nearest(word, names)
    hint = f"did you mean {near!r}? " if near else ""
    more = f", … ({len(names)} in all)" if len(names) > _SHOWN else ""
    return f"{hint}Legal are: {', '.join(names[:_SHOWN])}{more}"


def refuse_argument(function: str, name: str, known: Iterable[str]) -> NoReturn:
    """Raise Python's error for an argument that a function does not have, with the one that was meant.

    Raises:
        TypeError: always.

    Example:
        >>> refuse_argument("build", "num_classes", ["classes", "filters"])
        Traceback (most recent call last):
        TypeError: build() got an unexpected keyword argument 'num_classes'; did you mean 'classes'?
    """
    near = nearest(name, known)
    hint = f"; did you mean {near!r}?" if near else ""
    raise TypeError(f"{function}() got an unexpected keyword argument {name!r}{hint}")


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name[:_LONGEST])).casefold()
