"""The marks of the charts of studies: their colors, and how a key shows them."""

from nasnet_keras.pages.legend import circle, line, shape

__all__ = ["DOTS", "MARKS", "MARK_STYLE"]

DOTS = 1500
"""The most dots of a layer; of more children an even choice is drawn."""

MARK_STYLE = """.dot{fill:var(--accent);fill-opacity:.5}
.low{stroke:var(--accent)}
.stopped{fill:none;stroke:var(--accent);stroke-width:1.2;stroke-opacity:.7}
.failed{stroke:var(--bad)}
path.best{stroke:var(--best)}
path.mean{stroke:var(--accent);stroke-dasharray:7 4}
path.random{stroke:var(--random)}
.random.thin{stroke-width:1.6;stroke-dasharray:5 3}
.drawn{fill:none;stroke:var(--random);stroke-width:1.5}
.front{fill:var(--best)}
.chart path.finalist,.key path.finalist{fill:var(--best);stroke:var(--card);stroke-width:1.3}
.chart path.finalist.drawn,.key path.finalist.drawn{fill:var(--random);stroke:var(--card);stroke-width:1.3}
.over-line{stroke:var(--over)}
.key .beyond{fill:var(--over-back)}
.key .rule{stroke-width:1.6;stroke-dasharray:2 2}
path.spread,rect.spread{fill:var(--random-back)}
"""

_STEPS = "M1 10h8v-4h8v-4h8"
MARKS = {
    "dot": circle("dot"),
    "drawn": circle("drawn"),
    "best": line("best"),
    "mean": line("mean"),
    "random": '<rect class="spread" width="26" height="12"/>' + line("random"),
    "front": line("best", _STEPS),
    "random_front": line("random thin", _STEPS),
    "finalist": shape("finalist", "diamond"),
    "finalist_drawn": shape("finalist drawn", "square"),
    "limit": '<rect class="beyond" x="13" width="13" height="12"/>' + line("rule over-line", "M13 0v12"),
    "stopped": circle("stopped"),
    "over": shape("over-line", "triangle"),
    "failed": shape("failed", "cross"),
}
"""The marks of a key as SVG, by the names of their meanings."""
