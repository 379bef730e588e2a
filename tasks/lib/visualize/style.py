"""How the report looks, in light, in dark and on paper."""

COLOURS = """
:root {
  color-scheme: light dark;
  --paper: #fcfcfb; --ink: #17171a; --faint: #62625e; --rule: #dcdbd6;
  --c1: #2a78d6; --c2: #14865f; --c3: #8a4fc9; --bad: #c92a2a; --alert: #c92a2a22;
  --deploy: #2a78d6; --rollback: #b35900; --note: #8a4fc9;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #1a1a19; --ink: #f1f0ec; --faint: #a9a8a2; --rule: #3b3a37;
    --c1: #5b9fee; --c2: #3fc795; --c3: #b88cee; --bad: #ff7b72; --alert: #ff7b7233;
    --deploy: #5b9fee; --rollback: #f0a04b; --note: #b88cee;
  }
}
"""

GRAPH = """
.line { fill: none; stroke-width: 1.6; stroke-linejoin: round; stroke-linecap: round; }
.line.c1 { stroke: var(--c1); }
.line.c2 { stroke: var(--c2); }
.line.c3 { stroke: var(--c3); }
.grid { stroke: var(--rule); stroke-width: 1; }
.bound { stroke: var(--bad); stroke-dasharray: 5 4; stroke-width: 1.2; }
.alert { fill: var(--alert); }
.mark { stroke-width: 1.2; stroke-dasharray: 2 2; }
.mark.deploy { stroke: var(--deploy); }
.mark.rollback { stroke: var(--rollback); }
.mark.note { stroke: var(--note); }
text { font: 11px system-ui, sans-serif; fill: var(--faint); text-anchor: middle; }
text.end { text-anchor: end; }
text.bounded { fill: var(--bad); }
text.label { font-weight: 600; }
text.label.deploy { fill: var(--deploy); }
text.label.rollback { fill: var(--rollback); }
text.label.alert { fill: var(--bad); }
text.label.note { fill: var(--note); }
text.none { font-size: 14px; }
"""

PAGE = """
body {
  background: var(--paper); color: var(--ink); margin: 0 auto; max-width: 54rem;
  padding: 1.5rem 1rem 3rem; font: 15px/1.5 system-ui, sans-serif;
}
h1 { font-size: 1.45rem; margin: 0; }
h2 { font-size: 1rem; margin: 1.6rem 0 .2rem; }
p { margin: .3rem 0; }
.faint { color: var(--faint); }
.key {
  display: flex; flex-wrap: wrap; gap: .2rem 1.6rem; margin: 1rem 0 0; padding: 0;
  list-style: none;
}
.key b { display: block; font-size: 1.3rem; font-variant-numeric: tabular-nums; }
.legend { color: var(--faint); font-size: .85rem; font-weight: 400; }
.legend i {
  display: inline-block; width: 14px; height: 3px; border-radius: 2px;
  margin: 0 .35rem .2rem .9rem;
}
i.c1 { background: var(--c1); }
i.c2 { background: var(--c2); }
i.c3 { background: var(--c3); }
svg { display: block; width: 100%; height: auto; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td {
  text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--rule);
  vertical-align: top;
}
th { color: var(--faint); font-weight: 500; font-size: .85rem; }
.right { text-align: right; }
.bad { color: var(--bad); font-weight: 600; }
td:last-child { overflow-wrap: anywhere; }
@media print {
  body { max-width: none; }
  h2 { break-after: avoid; }
  svg, tr { break-inside: avoid; }
}
"""

STYLE = COLOURS + GRAPH + PAGE
