"""The style of a page: for wide and narrow screens, light and dark, and for paper."""

import re

__all__ = ["COLORS", "STYLE"]

STYLE = """
:root{--back:#fbfaf7;--card:#fff;--ink:#1d2329;--quiet:#5b6670;--line:#e2e1dc;--accent:#1f6feb;--best:#0b7a4b;
--random:#b35c00;--random-back:rgba(224,140,40,.2);--bad:#b3261e;--bad-back:rgba(179,38,30,.07);--mark:#eef6f1;
--over:#7a4fb5;--over-back:rgba(122,79,181,.07)}
@media screen and (prefers-color-scheme:dark){:root{--back:#14171a;--card:#1c2126;--ink:#e4e7ea;--quiet:#9aa5af;
--line:#323a41;--accent:#6ea8fe;--best:#4fce96;--random:#f0a050;--random-back:rgba(240,160,80,.18);--bad:#ff8a80;
--bad-back:rgba(255,138,128,.09);--mark:#1d3229;--over:#b794f4;--over-back:rgba(183,148,244,.1)}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",Arial,sans-serif;-webkit-text-size-adjust:100%}
main{max-width:1000px;margin:0 auto;padding:36px 24px 72px}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .5rem;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:2.8rem 0 .7rem;padding-top:1.1rem;border-top:1px solid var(--line)}
h3{font-size:1rem;margin:0 0 .4rem}
p{margin:.5rem 0;max-width:72ch;overflow-wrap:anywhere}
.lead{color:var(--quiet);font-size:1.02rem}
.verdict{border-left:4px solid var(--accent);padding:.35rem .9rem;background:var(--card);font-weight:500}
.note{color:var(--quiet);font-size:.9rem}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.86em}
pre{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.9rem 1.1rem;overflow-x:auto;
line-height:1.5}
pre.wrap{white-space:pre-wrap;overflow-wrap:anywhere}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:12px;margin:1.4rem 0;padding:0}
.tiles div{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.7rem .8rem}
.tiles dt{color:var(--quiet);font-size:.82rem}
.tiles dd{margin:0;font-size:1.3rem;font-weight:600;white-space:nowrap;line-height:1.3;
font-variant-numeric:tabular-nums}
.tiles dd small{display:block;white-space:normal;font-size:.8rem;font-weight:400;color:var(--quiet);line-height:1.35}
figure{margin:1rem 0;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 14px 10px}
figcaption{font-size:.88rem;color:var(--quiet)}
.scroll{overflow-x:auto;margin:.8rem 0}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--quiet);font-size:.88rem;padding:0 0 .4rem}
th,td{padding:.34rem .7rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top;
overflow-wrap:anywhere}
thead th{color:var(--quiet);font-weight:600;font-size:.82rem;border-bottom-width:2px;white-space:nowrap;
vertical-align:bottom}
tbody th{font-weight:500;white-space:nowrap}
td code,th code{white-space:nowrap}
.error{min-width:15em}
.number{text-align:right;white-space:nowrap}
.marked{background:var(--mark)}
.status{color:var(--bad);font-weight:600;white-space:nowrap}
td .bar{display:inline-block;height:.6em;border-radius:2px;background:var(--accent);margin-right:.5em;min-width:1px;
vertical-align:baseline}
details summary{cursor:pointer;color:var(--quiet);font-size:.9rem;margin:.5rem 0}
@media (max-width:640px){main{padding:22px 14px 48px}h1{font-size:1.5rem}.tiles{gap:8px;
grid-template-columns:repeat(auto-fit,minmax(130px,1fr))}.tiles dd{font-size:1.2rem}figure{padding:10px 8px}
th,td{padding:.3rem .5rem}}
@media print{:root{--back:#fff}main{max-width:none;padding:0}body{font-size:10.5pt}*{print-color-adjust:exact;
-webkit-print-color-adjust:exact}.scroll,pre{overflow:visible}pre{white-space:pre-wrap}
figure,tr,pre,.verdict{break-inside:avoid}h2,h3,caption{break-after:avoid}thead{display:table-header-group}}
"""

COLORS: dict[str, str] = dict(re.findall(r"--([a-z-]+):([^;}]+)", STYLE.partition("@media")[0]))
"""The colors of light pages by their names, for pictures that stand alone."""
