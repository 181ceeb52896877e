"""The confusion matrix of a page, readable for any number of classes."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from nasnet_keras.pages.markup import integer, table, text
from nasnet_keras.training.mistakes.pictures import embedded

__all__ = ["MOST", "STYLE", "by_class", "confusions", "frequent", "most_confused"]

MOST = 20
"""The most classes of a matrix of numbers; of more, it has those that are confused the most."""
_SHORT = 3  # letters of a name that is read across
_PAIRS = 10  # rows of the table of confusions
_FONT = 35.0  # hundredths of the screen's width for a row of letters, of which a column has one and its heads four
_STRONGEST = 0.5  # opacity of a cell; ink is readable on it, light and dark
_FAINTEST = 0.35  # opacity of a pixel of the picture of all classes
_RIGHT, _WRONG = (24, 148, 96), (214, 69, 58)  # colours of the picture of all classes, on light and dark

STYLE = """
:root{--right:11 122 75;--wrong:179 38 30}
@media screen and (prefers-color-scheme:dark){:root{--right:79 206 150;--wrong:255 138 128}}
.matrix table{table-layout:fixed}
.matrix th,.matrix td{padding:0;text-align:center;vertical-align:middle;border:1px solid var(--line);height:2.1em;
overflow:hidden;white-space:nowrap;font-weight:400;font-size:inherit;color:var(--ink)}
.matrix tbody th,.matrix thead th:first-child{text-align:right;padding:0 .4em;text-overflow:ellipsis}
.matrix thead th{vertical-align:bottom;padding:.3em 0}
.matrix thead span{display:inline-block;writing-mode:vertical-rl;transform:rotate(180deg);max-height:9em;
overflow:hidden;text-overflow:ellipsis}
.matrix.short thead span{writing-mode:horizontal-tb;transform:none}
.matrix col:first-child{width:22%}
.matrix .right{background:rgb(var(--right)/var(--a))}
.matrix .wrong{background:rgb(var(--wrong)/var(--a))}
.map img{display:block;width:100%;max-width:560px;image-rendering:pixelated;border:1px solid var(--line)}
"""


def confusions(confusion: np.ndarray, class_names: Sequence[str]) -> str:
    """Set the confusion matrix: numbers of up to `MOST` classes, and of more than these also a picture of all.

    Args:
        confusion: numbers of images by true class (rows) and predicted class (columns).
        class_names: the names of the classes, by label.
    """
    count = len(class_names)
    if count <= MOST:
        return _numbers(confusion, class_names, list(range(count)), "Numbers of images by true and predicted class")
    chosen = most_confused(confusion, MOST)
    words = f"The {len(chosen)} of {count} classes that are confused the most"
    return f"{_numbers(confusion, class_names, chosen, words)}\n{_picture(confusion)}"


def most_confused(confusion: np.ndarray, most: int) -> list[int]:
    """Choose the classes of the most frequent mistakes, those that are taken for each other side by side.

    Example:
        >>> most_confused(np.array([[5, 0, 1], [0, 6, 0], [0, 3, 3]]), 2)
        [2, 1]
    """
    chosen: list[int] = []
    for true, taken in _pairs(confusion):
        new = [label for label in (true, taken) if label not in chosen]
        if len(chosen) + len(new) > most:
            break
        chosen += new
    return chosen


def _pairs(confusion: np.ndarray) -> list[tuple[int, int]]:
    """The pairs of a true and another predicted class, the most frequent first."""
    wrong = np.where(np.eye(len(confusion), dtype=bool), 0, confusion)
    order = np.argsort(-wrong, axis=None, kind="stable")[: np.count_nonzero(wrong)]
    return [(int(true), int(taken)) for true, taken in zip(*np.unravel_index(order, wrong.shape), strict=True)]


def _numbers(confusion: np.ndarray, class_names: Sequence[str], chosen: list[int], caption: str) -> str:
    """A table of some classes; a last column counts what was taken for others."""
    others = len(chosen) < len(class_names)
    heads = [*(text(class_names[label]) for label in chosen), *(["others"] if others else [])]
    head = "".join(f'<th scope="col" title="{name}"><span>{name}</span></th>' for name in heads)
    rows = []
    for true in chosen:
        counts = [(taken, int(confusion[true, taken])) for taken in chosen]
        counts += [(-1, int(confusion[true].sum()) - sum(count for _, count in counts))] if others else []
        cells = "".join(_cell(count, confusion[true].sum(), taken == true) for taken, count in counts)
        name = text(class_names[true])
        rows.append(f'<tr><th scope="row" title="{name}">{name}</th>{cells}</tr>')
    short = " short" * all(len(head) <= _SHORT for head in heads)
    width = f"max-width:{14 + 3.6 * len(heads):g}em;font-size:clamp(.5rem,{_FONT / (len(heads) + 4):.3g}vw,.88rem)"
    return (
        f'<div class="matrix{short}"><table style="{width}"><caption>{text(caption)}; a row is a true class, a column '
        f'a predicted one</caption>\n<colgroup><col/><col span="{len(heads)}"/></colgroup>\n'
        f"<thead><tr><td></td>{head}</tr></thead>\n<tbody>\n" + "\n".join(rows) + "\n</tbody></table></div>"
    )


def _cell(count: int, of: int, right: bool) -> str:
    if not count:
        return "<td></td>"
    kind = "right" if right else "wrong"
    return f'<td class="{kind}" style="--a:{_STRONGEST * (count / of) ** 0.5:.2f}">{count}</td>'


def _picture(confusion: np.ndarray) -> str:
    """The whole matrix, a pixel a cell; what is rare is drawn stronger than in proportion, to be seen."""
    count = len(confusion)
    shares = np.sqrt(confusion / np.maximum(confusion.sum(1, keepdims=True), 1))
    opacity = np.where(confusion > 0, _FAINTEST + (1.0 - _FAINTEST) * shares, 0.0)
    pixels = np.empty((count, count, 4), np.uint8)
    pixels[..., :3] = np.where(np.eye(count, dtype=bool)[..., None], _RIGHT, _WRONG)
    pixels[..., 3] = np.rint(255 * opacity)
    address = embedded(Image.fromarray(pixels), "PNG", optimize=True)
    return (
        f'<figure class="map"><img src="{address}" alt="The confusion matrix of all {count} classes as a picture"/>\n'
        f"<figcaption>All {count} classes by number, from the left and from the top: a row is a true class, a column a "
        f"predicted one; red are mistakes. The table of classes below has their numbers.</figcaption></figure>"
    )


def frequent(confusion: np.ndarray, class_names: Sequence[str]) -> str:
    """Tabulate the most frequent mistakes."""
    pairs = _pairs(confusion)
    rows = [
        (text(class_names[true]), text(class_names[taken]), integer(count), f"{count / confusion[true].sum():.0%}")
        for true, taken in pairs[:_PAIRS]
        for count in [int(confusion[true, taken])]
    ]
    more = f", the first {_PAIRS} of {len(pairs):,} pairs of classes" if len(pairs) > _PAIRS else ""
    return table(
        f"The most frequent mistakes{more}",
        ("True class", "Taken for", "Images", "Of its class"),
        rows,
        numeric=(2, 3),
    )


def by_class(confusion: np.ndarray, class_names: Sequence[str]) -> str:
    """Tabulate the accuracy of each class, the least first; classes without images are last."""
    totals, right = confusion.sum(1).tolist(), np.diag(confusion).tolist()
    shares = [one / of if of else math.inf for one, of in zip(right, totals, strict=True)]
    rows = []
    for label in sorted(range(len(shares)), key=shares.__getitem__):
        others = np.where(np.arange(len(totals)) == label, 0, confusion[label])
        taken = f"{text(class_names[others.argmax()])} ({others.max()})" if others.max() else ""
        row = [text(class_names[label]), integer(right[label]), integer(totals[label]), _bar(shares[label]), taken]
        rows.append(row if len(totals) <= MOST else [*row, integer(label + 1)])
    headers = ["Class", "Right", "Of", "Accuracy", "Mostly taken for", *(["No."] if len(totals) > MOST else [])]
    return table("Classes, the least accurate first", headers, rows, numeric=(1, 2, 5))


def _bar(share: float) -> str:
    return "–" if share > 1.0 else f'<span class="bar" style="width:{4 * share:.2f}em"></span>{share:.0%}'
