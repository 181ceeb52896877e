"""The style of what only pages of studies have: charts, comparisons and cells; `pages/style.py` has the rest."""

from nasnet_keras.pages.charts import CHART_STYLE
from nasnet_keras.pages.legend import KEY_STYLE, SERIES_STYLE
from nasnet_keras.search.report.marks import MARK_STYLE

__all__ = ["STYLE"]

_CELLS = """.over{color:var(--over);font-weight:600;white-space:nowrap}
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

STYLE = "".join((CHART_STYLE, KEY_STYLE, MARK_STYLE, SERIES_STYLE, _CELLS))
