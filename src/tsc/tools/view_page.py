"""What a page shows into the page: one HTML file that needs nothing else, light or dark as the system is."""

from __future__ import annotations

import html
import json
import os
from dataclasses import asdict, replace

from tsc.tools.viewing import MethodView


def page_of(view: MethodView) -> str:
    """The page."""
    view = replace(view, title=os.fsencode(view.title).decode("utf-8", "replace"))  # whatever the locale
    data = json.dumps(asdict(view), separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    title = html.escape(f"{view.title}: {view.method}")
    return "".join([_HEAD.replace("@title@", title), _STYLE, _BODY, _DATA.replace("@data@", data), _SCRIPT])


_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>@title@</title>
"""

_STYLE = """<style>
:root { color-scheme: light dark; --page: #ffffff; --text: #1b1f24; --dim: #6a737d; --edge: #d5dae0;
  --panel: #f5f7f9; --same: #fff2b3; --value: #b7e3c8; --bar: #7aa7e0; }
@media (prefers-color-scheme: dark) { :root { --page: #15181c; --text: #dfe3e8; --dim: #8b949e;
  --edge: #343a41; --panel: #1d2126; --same: #4d4419; --value: #1d5a39; --bar: #3f6ea8; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 14px/1.4 system-ui, sans-serif;
  height: 100vh; display: flex; flex-direction: column; }
header { padding: 8px 12px; border-bottom: 1px solid var(--edge); display: flex; flex-wrap: wrap;
  gap: 4px 16px; align-items: baseline; }
h1 { font-size: 15px; margin: 0; } h2 { font-size: 13px; margin: 0; }
.dim { color: var(--dim); } label { white-space: nowrap; }
#choices { display: flex; flex-wrap: wrap; gap: 0 10px; }
#origin { padding: 4px 12px; height: 84px; flex: none; overflow: auto; white-space: pre;
  border-bottom: 1px solid var(--edge); background: var(--panel); font: 12px/1.5 ui-monospace, monospace; }
main { flex: 1; min-height: 0; display: flex; overflow-x: auto; }
section { flex: 1 0 420px; min-width: 0; display: flex; flex-direction: column;
  border-right: 1px solid var(--edge); }
section[hidden] { display: none; }
section > h2 { padding: 6px 10px; background: var(--panel); border-bottom: 1px solid var(--edge);
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis; flex: none; }
.text { flex: 1; overflow: auto; font: 12px/1.45 ui-monospace, monospace; padding: 4px 0; }
.line { white-space: pre; padding: 0 10px; width: max-content; min-width: 100%; }
.file { padding: 4px 10px 0; color: var(--dim); }
.line.same { background: var(--same); } .value.same { background: var(--value); border-radius: 2px; }
.value { cursor: pointer; }
table { border-collapse: collapse; margin: 8px 10px; font: 12px/1.45 ui-monospace, monospace; }
td, th { text-align: left; padding: 2px 8px; border-bottom: 1px solid var(--edge); vertical-align: top; }
td.number { text-align: right; } td.name { white-space: nowrap; }
tr.kernel { cursor: pointer; } tr.same { background: var(--same); }
.bar { display: inline-block; height: 8px; background: var(--bar); }
pre { margin: 0; padding: 4px 10px; font: 12px/1.45 ui-monospace, monospace; }
</style>
</head>
"""

_BODY = """<body>
<header><h1 id="title"></h1><span id="facts" class="dim"></span><span id="choices"></span></header>
<div id="origin" class="dim">Point at a line or a value: what comes from the same place of the program is \
marked in all stages.
A click keeps it, and shows the first of them in each; another click, or Escape, lets go.</div>
<main id="columns"></main>
"""

_DATA = """<script type="application/json" id="data">@data@</script>
"""

_SCRIPT = """<script>
"use strict";
const view = JSON.parse(document.getElementById("data").textContent);
const columns = document.getElementById("columns"), origin = document.getElementById("origin");
const hint = origin.textContent;
const HIDDEN = new Set(["LLVM IR", "assembly"]);
const rows = new Map(), values = new Map();  // what comes from a place, where a value is named
let kept = null, pointed = null, marked = [];

function enter(map, key, element) {
  if (!map.has(key)) map.set(key, []);
  map.get(key).push(element);
}

function comesFrom(row, origins) {
  row.origins = origins;
  for (const number of origins) enter(rows, number, row);
}

function make(tag, parent, text, name) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  parent.append(made);
  return made;
}

function column(name, title) {
  const section = make("section", columns);
  const heading = make("h2", section, name + " ");
  heading.title = title || "";
  if (title) make("span", heading, title, "dim").style.fontWeight = "normal";
  section.hidden = HIDDEN.has(name);
  const label = make("label", document.getElementById("choices"));
  const box = make("input", label);
  box.type = "checkbox";
  box.checked = !section.hidden;
  label.append(" " + name + " ");
  box.addEventListener("change", () => {
    section.hidden = !box.checked;
    if (box.checked && section.fill) { section.fill(); section.fill = null; }
  });
  return section;
}

function tokens(line, text, stage, number) {
  for (const part of text.split(/(%[\\w$.-]+)/)) {
    if (!part.startsWith("%")) { line.append(part); continue; }
    const value = make("span", line, part, "value");
    value.key = stage + ":" + number + ":" + part;
    enter(values, value.key, value);
  }
}

function stageColumn(stage, index) {
  const section = column(stage.name, stage.holds);
  const box = make("div", section, undefined, "text");
  for (const entry of stage.lines) {
    const line = make("div", box, undefined, "line");
    comesFrom(line, entry.origins);
    tokens(line, entry.text, index, entry.function);
  }
}

function short(file) {
  const [library, own] = [file.lastIndexOf("site-packages/"), file.lastIndexOf("/")];
  return file.startsWith("code/") ? file : library < 0 ? file.slice(own + 1) : file.slice(library + 14);
}

function sourceColumn() {
  const section = column("source", "lines of the program");
  const box = make("div", section, undefined, "text");
  let file = null;
  for (const entry of view.sources) {
    if (entry.file !== file) make("div", box, short(entry.file), "file").title = file = entry.file;
    comesFrom(make("div", box, String(entry.line).padStart(5) + "  " + entry.text, "line"), entry.origins);
  }
}

function codeColumn(name, text) {
  if (!text) return;
  const section = column(name, "on request: large");
  const box = make("div", section, undefined, "text");
  section.fill = () => make("pre", box, text);
}

function kernelColumn() {
  const section = column("kernels", view.kernels.length + "");
  const box = make("div", section, undefined, "text");
  const table = make("table", box);
  for (const kernel of view.kernels) {
    const row = make("tr", table, undefined, "kernel");
    comesFrom(row, kernel.origins);
    const cell = make("td", row);
    make("div", cell, "@" + kernel.name);
    make("div", cell, [kernel.kind, kernel.schedule].filter(Boolean).join(", "), "dim");
    for (const nest of kernel.loops) make("div", cell, nest);
    row.addEventListener("click", () => show("@" + kernel.name + "("));
  }
}

function scrollTo(line, share) {  // in its own column alone: scrollIntoView moves the columns as well
  const box = line.closest(".text"), frame = box.getBoundingClientRect();
  box.scrollTop += line.getBoundingClientRect().top - frame.top - share * frame.height;
}

function show(text) {
  for (const line of document.querySelectorAll(".line")) {
    if (line.textContent.includes("func.func") && line.textContent.includes(text)) scrollTo(line, 0);
  }
}

function timeColumn() {
  const section = column("times", "of passes, in milliseconds");
  const box = make("div", section, undefined, "text");
  const table = make("table", box);
  const most = Math.max(...view.passes.map(pass => pass.seconds), 1e-9);
  for (const pass of view.passes) {
    const row = make("tr", table);
    make("td", row, pass.stage, "dim");
    make("td", row, pass.name, "name");
    make("td", row, (1e3 * pass.seconds).toFixed(2), "number");
    make("span", make("td", row), "", "bar").style.width = Math.round(80 * pass.seconds / most) + "px";
  }
  for (const [name, seconds] of Object.entries(view.phases)) {
    const row = make("tr", table);
    make("td", row, "all", "dim");
    make("td", row, name);
    make("td", row, (1e3 * seconds).toFixed(2), "number");
    make("td", row);
  }
}

function describe(numbers) {
  const texts = numbers.map(number => view.places[number].map(place =>
    short(place.file) + ":" + place.line + (place.text ? ": " + place.text : "")).join("   called from   "));
  const told = [...new Set(texts)], more = told.length - 20;
  if (more > 0) told.splice(20, more, "and " + more + " more");
  return told.join("\\n") || "made by the compiler";
}

function clear() {
  for (const element of marked) element.classList.remove("same");
  marked = [];
  origin.textContent = hint;
  origin.className = "dim";
}

function mark(row, value) {
  clear();
  const same = new Set([row]);
  for (const number of row.origins) for (const other of rows.get(number)) same.add(other);
  marked = [...same, ...(value ? values.get(value.key) : [])];
  for (const element of marked) element.classList.add("same");
  origin.textContent = describe(row.origins);
  origin.className = "";
}

function scrollOthers(row) {
  const own = row.closest("section");
  for (const section of document.querySelectorAll("section:not([hidden])")) {
    const first = section === own ? null : section.querySelector(".line.same, tr.same");
    if (first) scrollTo(first, 0.4);
  }
}

function under(event) {
  const row = event.target.closest(".line, tr.kernel"), value = event.target.closest(".value");
  // A value comes from where it is defined.
  return row && { on: value || row, row: value ? values.get(value.key)[0].closest(".line") : row, value };
}

function release() { kept = pointed = null; clear(); }

columns.addEventListener("mouseover", event => {
  const found = under(event);
  if (!found || kept || pointed === found.on) return;
  pointed = found.on;
  mark(found.row, found.value);
});
columns.addEventListener("mouseleave", () => { if (!kept) release(); });
columns.addEventListener("click", event => {
  const found = under(event);
  if (!found) return;
  if (kept === found.on) { release(); return; }
  kept = found.on;
  mark(found.row, found.value);
  scrollOthers(event.target);
});
document.addEventListener("keydown", event => { if (event.key === "Escape") release(); });

document.getElementById("title").textContent = view.title + ": " + view.method;
document.getElementById("facts").textContent = "(" + view.arguments.join(", ") + ") " +
  (view.is_native ? "native" : "not native as a whole: " + view.reason);
sourceColumn();
view.stages.forEach(stageColumn);
if (view.kernels.length) kernelColumn();
timeColumn();
codeColumn("LLVM IR", view.llvm);
codeColumn("assembly", view.assembly);
</script>
</body>
</html>
"""
