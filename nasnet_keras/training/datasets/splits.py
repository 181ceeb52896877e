"""The rules that divide the images of a data set without splits, by their labels alone."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nasnet_keras.utils.workdir import recorded

__all__ = ["DEFAULT", "RULES", "begun_by", "divided", "part"]

RULES = ("stratified", "random")
"""`stratified` takes the same share of each class. `random` looks at no label, and leaves rare classes to chance: jobs
of earlier versions, which recorded no rule, go on with it."""
DEFAULT = RULES[0]


def begun_by(workdir: str | Path, file: str) -> str | None:
    """Find the rule of the job whose `file` is in a folder; None if no job was begun there.

    Example:
        >>> begun_by("a_new_folder", "training.json")
    """
    config = recorded(workdir, file)
    rule = config.get("split", "random") if config else None
    return next((legal for legal in RULES if rule == legal), None)


def divided(
    labels: np.ndarray, classes: int, shares: Mapping[str, float], rule: str = DEFAULT
) -> dict[str, np.ndarray]:
    """Divide images into those for training and others.

    Of each class, `stratified` takes a share, rounded, but at least one image for each split while there are enough,
    and leaves at least one for training. If two splits compete for the one image that classes can give, each split
    gets half of these classes.

    Args:
        labels: of the images, `(count,)`.
        classes: the number of classes.
        shares: by name of a split; each is a share, in [0, 1), of the images that the splits before it left.
        rule: one of `RULES`.

    Returns:
        Indices by name of a split, `train` among them: ascending, without a common one, and the same ones every time.

    Example:
        >>> {name: len(places) for name, places in divided(np.arange(100) % 2, 2, {"validation": 0.1}).items()}
        {'train': 90, 'validation': 10}
    """
    left, found = np.arange(len(labels)), {}
    for index, (name, share) in enumerate(shares.items()):
        others = sum(later > 0 for later in list(shares.values())[index + 1 :])
        taken = np.zeros(len(left), bool)
        if rule == "random":
            taken[np.random.default_rng(0).permutation(len(left))[: round(len(left) * share)]] = True
        elif share > 0:
            groups = _by_class(labels[left], classes)
            taken[_drawn(groups, _counts(groups, share, others))] = True
        found[name], left = left[taken], left[~taken]
    return {"train": left, **found}


def part(labels: np.ndarray, classes: int, count: int, rule: str = DEFAULT) -> np.ndarray:
    """Choose indices of `count` of the images, ascending, the same ones every time.

    `stratified` takes images of each class in proportion to its share, and at least one while `count` lasts.

    Args:
        labels: of the images, `(count,)`.
        classes: the number of classes.
        count: at most as many as there are images.
        rule: one of `RULES`.

    Example:
        >>> part(np.array([0] * 98 + [1, 1]), 2, 4).tolist()[-1] >= 98
        True
    """
    if rule == "random":
        return np.sort(np.random.default_rng(0).permutation(len(labels))[:count])
    groups = _by_class(labels, classes)
    sizes = np.array([len(group) for group in groups])
    least = np.minimum(sizes, 1)
    if least.sum() > count:  # the largest classes
        least[np.argsort(-sizes, kind="stable")[count:]] = 0
    rest = count - least.sum()
    exact = (sizes - least) * (rest / max(1, (sizes - least).sum()))
    counts = least + np.floor(exact).astype(int)
    most = np.argsort(np.floor(exact) - exact, kind="stable")[: count - counts.sum()]  # the rest goes by remainders
    counts[most] += 1
    return np.sort(_drawn(groups, counts))


def _by_class(labels: np.ndarray, classes: int) -> list[np.ndarray]:
    """List the indices of the images of each class, ascending."""
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.searchsorted(labels[order], np.arange(1, classes)))


def _counts(groups: list[np.ndarray], share: float, others: int) -> np.ndarray:
    """Count the images of each class that a split takes, which leaves one image for each of the `others` after it."""
    sizes = np.array([len(group) for group in groups])
    wanted = np.maximum(1, np.array([round(size * share) for size in sizes.tolist()]))
    counts = np.clip(sizes - 1 - others, 0, wanted)
    if others:
        counts[np.flatnonzero(sizes == 1 + others)[1::2]] = 1
    return counts


def _drawn(groups: list[np.ndarray], counts: np.ndarray) -> np.ndarray:
    """Draw a number of random images from each group."""
    generator = np.random.default_rng(0)
    drawn = [generator.permutation(group)[:count] for group, count in zip(groups, counts.tolist(), strict=True)]
    return np.concatenate(drawn)
