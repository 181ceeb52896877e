"""The page of the mistakes of a network, which needs no other file, no network and no script."""

from collections.abc import Sequence

from nasnet_keras.pages.markup import code, page, section, text
from nasnet_keras.training.mistakes import matrix
from nasnet_keras.training.mistakes.judged import Judged, surest
from nasnet_keras.training.mistakes.pictures import SIDE, small_picture

__all__ = ["page_of"]

_PICTURES, _AT_ONCE = 40, 12
_STYLE = f"""
.shots{{display:grid;grid-template-columns:repeat(auto-fill,minmax({SIDE}px,1fr));gap:12px;margin:1rem 0}}
.shots figure{{margin:0;padding:10px}}
.shots img{{display:block;width:100%;height:{SIDE}px;object-fit:contain;margin-bottom:.5rem}}
.shots .tiny{{image-rendering:pixelated}}
.shots figcaption{{overflow-wrap:anywhere;line-height:1.4}}
.shots b{{color:var(--ink)}}
.shots code{{color:var(--quiet)}}
tbody th,thead th{{white-space:normal}}
thead th{{overflow-wrap:normal}}
@media (max-width:640px){{td .bar{{display:none}}}}
"""


def page_of(model: str, class_names: Sequence[str], judged: Sequence[Judged]) -> str:
    """Compose the page as HTML text.

    Args:
        model: the name of the network.
        class_names: the names of the classes, by label.
        judged: the splits that the network was judged on; the figures are those of the last one, and the pictures are
            of all.
    """
    last = judged[-1]
    confusion = last.confusion(len(class_names))
    body = (
        _head(model, judged),
        section("surest", "The surest mistakes", *_surest(class_names, judged)),
        section(
            "confusions",
            f"Confusions of the {last.name} images",
            matrix.confusions(confusion, class_names) if len(last.wrong) else "",
            matrix.frequent(confusion, class_names) if len(last.wrong) else "",
        ),
        section("classes", f"Accuracy by class, of the {last.name} images", matrix.by_class(confusion, class_names)),
    )
    return page(f"Mistakes of {model}", "\n".join(filter(None, body)), matrix.STYLE + _STYLE)


def _head(model: str, judged: Sequence[Judged]) -> str:
    wrong = " ".join(_counted(one) for one in reversed(judged))
    return (
        f'<header>\n<h1>Mistakes of {text(model)}</h1>\n<p class="lead">{wrong} {code("mistakes.csv")}, beside this '
        f"page, lists all, with whole paths.</p>\n</header>"
    )


def _counted(one: Judged) -> str:
    """How many images of a split were answered wrong, in a sentence."""
    wrong, count = len(one.wrong), len(one)
    if not wrong:
        return f"None of the {count:,} {one.name} images was answered wrong."
    return f"{wrong:,} of the {count:,} {one.name} images ({wrong / count:.1%}) were answered wrong."


def _surest(class_names: Sequence[str], judged: Sequence[Judged]) -> tuple[str, str, str]:
    """The pictures of the surest mistakes, and what to make of them."""
    found = surest(judged)
    shown = [_shot(class_names, one, index, several=len(judged) > 1) for one, index in found[:_PICTURES]]
    more = len(shown) - _AT_ONCE
    return (
        "<p>A network is seldom sure and wrong at once without a reason in the image: a wrong label, several things, "
        "or nothing of its class. Correct these images first.</p>",
        _grid(shown[:_AT_ONCE]),
        f"<details><summary>{more} more of {len(found):,}</summary>{_grid(shown[_AT_ONCE:])}</details>" * (more > 0),
    )


def _grid(shots: list[str]) -> str:
    return f'<div class="shots">\n{"".join(shots)}</div>'


def _shot(class_names: Sequence[str], one: Judged, index: int, several: bool) -> str:
    """A picture with the true and the predicted class, and the name of the image within its folder."""
    true, taken = (text(class_names[labels[index]]) for labels in (one.split.labels, one.answers.labels))
    origins = one.split.origins
    name = text(one.shown(index) if origins is None else origins.names[index])
    address, is_tiny = small_picture(one.split, index)
    style = ' class="tiny"' if is_tiny else ""
    split = f"<br/>{one.name}" if several else ""
    return (
        f'<figure><img{style} src="{address}" alt="{name or "An image"}: {true}, taken for {taken}"/>\n'
        f"<figcaption><b>{true}</b>, taken for <b>{taken}</b>, {one.answers.probabilities[index]:.0%} sure"
        f"{split}{f'<br/><code>{name}</code>' if name else ''}</figcaption></figure>\n"
    )
