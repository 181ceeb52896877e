"""The style of what only pages of studies have: charts, comparisons and cells; `pages/style.py` has the rest."""

from nasnet_keras.search.report.charts import CHART_STYLE

__all__ = ["MARK_STYLE", "SERIES", "STYLE"]

MARK_STYLE = """.dot{fill:var(--accent);fill-opacity:.5}
.low{stroke:var(--accent)}
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
"""The colors of the marks of charts."""

SERIES = ("#1f6feb", "#b35c00", "#0b7a4b", "#7a4fb5", "#b3261e", "#00838f", "#8d6e00", "#5b6670")
"""The colors of lines of one kind in a chart, on light and on dark ground."""

STYLE = (
    CHART_STYLE
    + """.key{display:flex;flex-wrap:wrap;gap:.2rem 1.3rem;list-style:none;margin:0 0 .5rem;padding:0;font-size:.88rem}
.key svg{width:26px;height:12px;vertical-align:-1px;margin-right:.4rem}
.key path{fill:none;stroke-width:2.4}
"""
    + MARK_STYLE
    + "".join(
        f"path.series-{place}{{stroke:{color}}}\npath.band.series-{place}{{fill:{color};fill-opacity:.14}}\n"
        for place, color in enumerate(SERIES)
    )
    + """.over{color:var(--over);font-weight:600;white-space:nowrap}
td .bar.from-random{background:var(--random)}
.even table{table-layout:fixed;min-width:760px}
.even td{white-space:nowrap}
.cell{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1rem;margin:1rem 0;
break-inside:avoid}
.cell .picture{overflow-x:auto;background:#fff;border-radius:6px;text-align:center}
.cell img{display:inline-block;width:100%;max-width:max-content;min-width:560px;height:auto;vertical-align:top}
.cell .column img{min-width:0}
@media print{.cell .picture{overflow:visible}.cell img{min-width:0}}
"""
)
