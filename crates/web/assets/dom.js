// Elements and texts. Every text goes in as a text node: names and errors are never read as markup.

// An element: h("td", { class: "number" }, "3", child, ...).
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null));
  return element;
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (value == null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

// Is said to those who do not see the page; often enough to know, rarely enough to bear.
let announced = "";
export function announce(text) {
  if (text === announced) return;
  announced = text;
  document.getElementById("announce").textContent = text;
}

const grouping = new Intl.NumberFormat("en");
export const whole = (number) => grouping.format(number);

export function number(value) {
  if (value == null) return "";
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return whole(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(3);
  return String(Number(value.toPrecision(5)));
}

export function duration(seconds) {
  if (seconds == null || !Number.isFinite(seconds) || seconds < 0) return "?";
  if (seconds < 1) return seconds < 5e-7 ? "0 s" : seconds < 5e-4 ? `${Math.round(seconds * 1e6)} us` : `${Math.round(seconds * 1e3)} ms`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (seconds < 3570) return `${minutes} min`;
  if (minutes < 2880) return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
  return `${(seconds / 86400).toFixed(1)} days`;
}

export function rate(perSecond) {
  if (perSecond >= 10) return `${whole(Math.round(perSecond))} trials/s`;
  return `${Number(perSecond.toPrecision(2))} trials/s`;
}

export function bytes(count) {
  if (!count) return "?";
  const units = ["B", "KB", "MB", "GB", "TB"];
  let at = 0;
  let value = count;
  while (value >= 1000 && at < units.length - 1) { value /= 1000; at += 1; }
  return `${value >= 100 || at === 0 ? Math.round(value) : value.toFixed(1)} ${units[at]}`;
}

export const done = (sweep) => sweep.completed + sweep.diverged + sweep.failed;

// The share that is done; 100 % is all of it, and nothing less.
export function percent(part, all) {
  if (!all) return "0 %";
  if (part >= all) return "100 %";
  return `${Math.min(99, Math.floor((100 * part) / all))} %`;
}

// Time to the end as far as it is known: an estimate is called one.
export function eta(sweep) {
  if (sweep.eta_seconds != null) return `about ${duration(sweep.eta_seconds)}`;
  return sweep.state === "running" ? "not known" : "";
}

export function state(name) {
  return h("span", { class: "state", "data-state": name }, name);
}

export const sweepLink = (name) => `#/sweeps/${encodeURIComponent(name)}`;
export const trialLink = (name, trial) => `${sweepLink(name)}/trials/${trial}`;

// A bar of what is done, by status.
export function bar(sweep, thick = false) {
  const element = h("div", { class: thick ? "bar thick" : "bar", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, "aria-label": `Progress of ${sweep.name}` });
  const parts = ["completed", "diverged", "failed", "held"].map((name) => h("span", { class: name }));
  element.append(...parts);
  const update = (now) => {
    const all = Math.max(1, now.trials);
    const shares = [now.completed, now.diverged, now.failed, now.leased];
    parts.forEach((part, at) => { part.style.width = `${(100 * shares[at]) / all}%`; });
    setAttribute(element, "aria-valuenow", now.trials ? Math.floor((100 * done(now)) / now.trials) : 0);
    setAttribute(element, "aria-valuetext", `${whole(done(now))} of ${whole(now.trials)} trials`);
  };
  update(sweep);
  return { element, update };
}

// A table whose rows stay where they are while their cells change: focus and reading position hold. `columns` are
// { name, kind: "number" | "text" | "", cell: (row) => text or { element, update, key } }; the first is the row's header.
export function table(caption, columns, key, empty) {
  const body = h("tbody");
  const nothing = h("p", { class: "empty" }, empty);
  const head = h("tr", {}, columns.map((column) => h("th", { scope: "col", class: column.kind || "" }, column.name)));
  const grid = h("table", { class: "stack" }, h("caption", {}, caption), h("thead", {}, head), body);
  const element = h("div", { class: "scroll" }, grid, nothing);
  let known = new Map();
  const update = (rows) => {
    const next = new Map();
    for (const row of rows) {
      const id = String(key(row));
      const line = known.get(id) ?? newRow(columns);
      line.cells.forEach((cell, at) => fill(cell, columns[at].cell(row)));
      next.set(id, line);
    }
    for (const [id, line] of known) if (!next.has(id)) line.element.remove();
    let before = body.firstChild;
    for (const line of next.values()) {
      if (line.element === before) before = before.nextSibling;
      else body.insertBefore(line.element, before);
    }
    known = next;
    nothing.hidden = rows.length > 0;
    grid.tHead.hidden = rows.length === 0;
  };
  return { element, update };
}

function newRow(columns) {
  const cells = columns.map((column, at) => {
    const attributes = { class: column.kind || "" };
    return at === 0 ? h("th", { scope: "row", ...attributes }) : h("td", { ...attributes, "data-name": column.name });
  });
  return { element: h("tr", {}, cells), cells };
}

// A cell: a text, or an element that is made once for each `key` and updated after.
function fill(cell, content) {
  const isElement = content && content.make;
  cell.classList.toggle("none", !isElement && content === "");
  if (!isElement) {
    cell.held = null;
    setText(cell, content ?? "");
    return;
  }
  if (cell.held?.key !== content.key) {
    const held = content.make();
    cell.held = { key: content.key, update: held.update };
    cell.replaceChildren(held.element ?? held);
  } else {
    cell.held.update?.(content.row);
  }
}

export const link = (href, text) => ({
  key: href,
  row: text,
  make: () => {
    const element = h("a", { href }, text);
    return { element, update: (now) => setText(element, now) };
  },
});

// Buttons between pages of a table that the server cuts.
export function pager(what, go) {
  const words = h("span", { class: "small" });
  const back = h("button", { type: "button", onclick: () => go(-1) }, `Previous ${what}`);
  const on = h("button", { type: "button", onclick: () => go(1) }, `Next ${what}`);
  const element = h("div", { class: "pager" }, back, on, words);
  const update = ({ text, first, last }) => {
    setText(words, text);
    back.disabled = first;
    on.disabled = last;
    element.hidden = first && last;
  };
  return { element, update };
}
