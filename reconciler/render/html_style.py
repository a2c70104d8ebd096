"""The looks of the HTML report: one style sheet, light and dark, for screens from 320 pixels."""

from reconciler.render.words import ORDER

_SHEET = """
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--text:#1b1f24;--soft:#59636e;
--line:#d5dae0;--inset:#f1f3f5;--accent:#0550ae;
--create:#116329;--replace:#7d3bb8;--update:#855300;--delete:#b3232d;--adopt:#0b5f77;
--forget:#0b5f77;--blocked:#59636e;--noop:#59636e;
--old:#ffebe9;--new:#dcf7e3;--old-ink:#82071e;--new-ink:#0a4a20}
@media (prefers-color-scheme:dark){:root{--page:#0f1216;--card:#181c22;--text:#e7ebf0;
--soft:#9aa5b1;--line:#333b45;--inset:#20262d;--accent:#79b8ff;
--create:#56d364;--replace:#d2a8ff;--update:#e3b341;--delete:#ff8b83;--adopt:#56d4dd;
--forget:#56d4dd;--blocked:#9aa5b1;--noop:#9aa5b1;
--old:#4b1d20;--new:#143d22;--old-ink:#ffc9c4;--new-ink:#aef5c0}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;
overflow-wrap:anywhere}
code,pre,.verb,svg text{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,
"DejaVu Sans Mono",monospace}
code,pre{font-size:.875em;white-space:pre-wrap}
header,main{max-width:62rem;margin:0 auto;padding:0 1rem 1rem}
header{padding-top:1.5rem;padding-bottom:0}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .25rem}
h2{font-size:1.125rem;margin:1.75rem 0 .5rem}
p{margin:.25rem 0}
ul{margin:.25rem 0;padding-left:1.25rem}
.lead{font-size:1.125rem;font-weight:600}
.soft{color:var(--soft);font-size:.875rem}
.facts{display:flex;flex-wrap:wrap;gap:.125rem 1rem;color:var(--soft);font-size:.875rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;margin:.375rem 0}
.note{padding:.625rem .875rem;border-left:4px solid var(--accent)}
.note.error{border-left-color:var(--delete)}
.note.warning{border-left-color:var(--update)}
.note p:first-child{font-weight:600}
.note pre{margin:.375rem 0 0}
pre{background:var(--inset);border-radius:6px;padding:.5rem .625rem;margin:0}
fieldset{border:0;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:.5rem}
legend{padding:0;margin-bottom:.375rem;color:var(--soft);font-size:.875rem}
.chip{display:inline-flex;align-items:center;gap:.5rem;padding:.375rem .75rem;min-height:2.5rem;
border:1px solid var(--line);border-radius:2rem;background:var(--card);cursor:pointer}
.chip input{accent-color:var(--ink);margin:0;width:1rem;height:1rem}
.chip b{color:var(--ink)}
fieldset+.card{margin-top:.75rem}
summary{cursor:pointer;padding:.5rem .875rem;border-radius:8px}
.plain{padding:.5rem .875rem .5rem 1.9rem}
.action>summary{list-style-position:outside;padding-left:.25rem;margin-left:1.65rem}
.verb{display:inline-block;min-width:7.5em;margin-right:.625rem;font-size:.875rem;font-weight:600;color:var(--ink)}
.name{font-weight:600;margin-right:.625rem}
.runs{display:block}
.danger{display:block;color:var(--delete);font-weight:600}
.inside{padding:0 .875rem .875rem 1.9rem}
.inside>*+*{margin-top:.5rem}
dl{margin:0}
dt{margin-top:.5rem}
dt:first-child{margin-top:0}
dt .soft{font-size:.875rem;margin-left:.5rem}
dd{margin:.125rem 0 0}
.change{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:.375rem}
del,ins{text-decoration:none;display:block;border-radius:6px;padding:.25rem .5rem}
del{background:var(--old);color:var(--old-ink)}
ins{background:var(--new);color:var(--new-ink)}
del::before{content:"- "}
ins::before{content:"+ "}
.lines del,.lines ins,.lines span{border-radius:0;padding:0 .5rem;display:block}
.lines span::before{content:"  "}
.lines{padding:.25rem 0}
.fields{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.125rem 1rem}
.fields dt,.fields dd{margin:0}
.fields dt{color:var(--soft);max-width:16rem}
.picture{overflow-x:auto;padding:.5rem;text-align:center}
.picture svg{max-width:none;height:auto}
.node rect{fill:var(--inset);stroke:var(--ink);stroke-width:1.5}
.node text{fill:var(--text);text-anchor:middle;font-size:13px}
.node .verb{fill:var(--ink);font-size:11px;font-weight:600}
.edge{fill:none;stroke:var(--soft);stroke-width:1.5}
.tip{fill:var(--soft)}
.error{--ink:var(--delete)}.warning{--ink:var(--update)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
@media (max-width:40rem){.change{grid-template-columns:minmax(0,1fr)}
.fields{grid-template-columns:minmax(0,1fr)}.fields dd{margin-bottom:.375rem}
.inside{padding-left:.875rem}.verb{min-width:0}}
@media print{body{background:#fff}fieldset{display:none}.card{break-inside:avoid}}
"""

_INKS = "".join(f".k-{kind}{{--ink:var(--{kind})}}" for kind in (*ORDER, "noop"))
_FILTERS = "".join(
    f"body:has(#show-{kind}:not(:checked)) .action.k-{kind}{{display:none}}" for kind in ORDER
)

STYLE = "".join(_SHEET.split("\n")) + _INKS + _FILTERS
"""The style sheet, on one line; filters work by `:has`, and without it everything is shown."""
