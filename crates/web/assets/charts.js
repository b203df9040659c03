// Curves by uPlot, the map of the grid on a canvas. Colours come from the style sheet, so both follow the theme; lines
// differ in their dashes too, cells in their marks.

import { h, setText } from "./dom.js";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [], [8, 4], [2, 3], [10, 3, 2, 3]];

const drawn = new Set();
// Draws every chart again, in the colours of another theme.
export function redraw() {
  for (const chart of [...drawn]) {
    if (chart.element.isConnected) chart.draw();
    else drawn.delete(chart);
  }
}

function tick(value) {
  if (value == null) return "";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) return value.toExponential().replace("e+", "e");
  return String(Number(value.toPrecision(4)));
}

// A chart of lines. update({ x, lines: [{ label, y, title }] }): `x` is shared. On a log axis what is not positive is left
// out.
export function lines(label, xName, isLogFirst = true) {
  const plot = h("div", { class: "plot", role: "img" });
  const legend = h("ul", { class: "legend" });
  const log = h("input", { type: "checkbox" });
  log.checked = isLogFirst;
  const toggle = h("label", { class: "small row" }, log, "log scale");
  const element = h("div", {}, plot, h("div", { class: "row between" }, legend, toggle));
  let chart = null;
  let data = { x: [], lines: [] };
  const self = { element, draw, update };

  function draw() {
    chart?.destroy();
    chart = null;
    plot.replaceChildren();
    if (!data.x.length) return;
    const isLog = log.checked;
    const clean = (y) => (isLog ? y.map((value) => (value > 0 ? value : null)) : y);
    const values = [data.x, ...data.lines.map((line) => clean(line.y))];
    const isEmpty = values.slice(1).every((line) => line.every((value) => value == null));
    if (isEmpty) {
      plot.append(h("p", { class: "empty" }, isLog ? "Nothing here is positive: switch the log scale off." : "Nothing was measured."));
      return;
    }
    const axis = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 }, font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif" };
    const series = data.lines.map((line, at) => ({ label: line.label, stroke: colour(`curve-${(at % 8) + 1}`), width: 2, dash: DASHES[at % 8], spanGaps: false, points: { show: data.x.length < 3 } }));
    const width = Math.max(200, plot.clientWidth);
    chart = new uPlot({
      width,
      height: Math.round(Math.max(240, Math.min(300, width * 0.5))),
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false }, y: isLog ? { distr: 3, log: 10 } : {} },
      axes: [
        { ...axis, label: xName, labelSize: 18, values: (_, ticks) => ticks.map(tick) },
        { ...axis, size: 62, values: (_, ticks) => ticks.map(tick) },
      ],
      series: [{}, ...series],
    }, values, plot);
    plot.setAttribute("aria-label", `${label}: ${words(data)}`);
  }

  function update(now) {
    data = now;
    legend.replaceChildren(...data.lines.map((line, at) => {
      const swatch = h("span", { class: "swatch line" });
      swatch.style.borderTopColor = `var(--curve-${(at % 8) + 1})`;
      if (DASHES[at % 8].length) swatch.style.borderTopStyle = DASHES[at % 8][0] > 5 ? "dashed" : "dotted";
      return h("li", {}, swatch, line.link ?? h("span", {}, line.label), line.title ? h("span", { class: "small" }, line.title) : null);
    }));
    draw();
  }

  log.addEventListener("change", draw);
  let width = 0;
  new ResizeObserver(() => {
    if (Math.abs(plot.clientWidth - width) < 2) return;
    width = plot.clientWidth;
    draw();
  }).observe(plot);
  drawn.add(self);
  return self;
}

// What a chart says, for those who do not see it.
function words(data) {
  const ends = data.lines.map((line) => {
    const known = line.y.filter((value) => value != null);
    return known.length ? `${line.label} goes from ${tick(known[0])} to ${tick(known[known.length - 1])}` : `${line.label} has no value`;
  });
  return ends.join("; ");
}

// A line of the last minutes, without axes.
export function spark() {
  const svg = (tag, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };
  const path = svg("path", { d: "" });
  const element = svg("svg", { class: "spark", viewBox: "0 0 100 30", preserveAspectRatio: "none", "aria-hidden": "true" });
  element.append(path);
  return {
    element,
    update(values) {
      const most = Math.max(1e-9, ...values);
      const step = 100 / Math.max(1, values.length - 1);
      path.setAttribute("d", values.map((value, at) => `${at ? "L" : "M"}${(at * step).toFixed(2)} ${(28 - (26 * value) / most).toFixed(2)}`).join(""));
    },
  };
}

const FAILED = 16;
const RUNNING = 32;
const shade = (tenths) => (tenths === 0 ? 0 : tenths >= 10 ? 4 : tenths < 4 ? 1 : tenths < 7 ? 2 : 3);

// The map of the grid. Arrow keys move over its cells, and the line below reads the one they are on.
export function map() {
  const canvas = h("canvas", { class: "map", role: "img", tabindex: "0", "aria-label": "Map of the grid" });
  const reading = h("p", { class: "small", "aria-live": "polite" }, "Point at a cell, or move with the arrow keys, to read it.");
  const element = h("div", {}, canvas, reading);
  let now = null;
  let cells = [];
  let place = { left: 0, top: 0, size: [1, 1], columns: 1, rows: 1 };
  let cursor = null;

  function update(answer) {
    now = answer;
    cells = [];
    for (let at = 0; at < now.cells.length; at += 2) for (let k = 0; k < now.cells[at + 1]; k += 1) cells.push(now.cells[at]);
    draw();
  }

  const side = (name) => now[name]?.labels.length ?? 1;
  // A pattern of labels that stand clear of one another: the first, the last, and some between.
  function shown(labels, room, need) {
    const every = Math.max(1, Math.ceil((labels.length * need) / Math.max(1, room)));
    return labels.map((text, at) => ({ text, at })).filter(({ at }) => at % every === 0);
  }
  // Numbers in few digits; the line below the map has them all.
  const brief = (text) => (/^-?[\d.]+(e-?\d+)?$/.test(text) && text.length > 8 ? String(Number(Number(text).toPrecision(3))) : text);
  const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

  function draw() {
    if (!now || !canvas.clientWidth) return;
    const columns = side("x");
    const rows = side("y");
    const width = canvas.clientWidth;
    const context = canvas.getContext("2d");
    context.font = "12px system-ui, sans-serif";
    const most = width < 500 ? 10 : 22;
    const yLabels = (now.y?.labels ?? []).map((text) => cut(brief(text), most));
    const left = Math.ceil(Math.max(0, ...yLabels.map((text) => context.measureText(text).width))) + (now.y ? 28 : 6);
    const cell = Math.min(34, (width - left - 8) / columns);
    const cellHeight = Math.max(Math.min(34, Math.max(cell, 16)), rows > 40 ? 1 : 4);
    const tall = Math.min(rows * cellHeight, rows > 1 ? Math.max(420, rows) : 40);
    const size = [cell, tall / rows];
    const top = 6;
    const height = Math.ceil(top + tall + 42);
    const ratio = window.devicePixelRatio || 1;
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    place = { left, top, size, columns, rows };
    const gap = size[0] > 6 && size[1] > 6 ? 1 : 0;
    const shades = [0, 1, 2, 3, 4].map((at) => colour(`cell-${at}`));
    const [mark, run] = [colour("mark"), colour("mark-run")];
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        const value = cells[row * columns + column];
        if (value == null || value < 0) continue;
        const [x, y] = [left + column * size[0], top + row * size[1]];
        const [w, t] = [size[0] - gap, size[1] - gap];
        const small = w < 8 || t < 8;
        context.fillStyle = shades[shade(value & 15)];
        if (small && value & FAILED) context.fillStyle = mark;
        else if (small && value & RUNNING) context.fillStyle = run;
        context.fillRect(x, y, Math.max(w, 0.6), Math.max(t, 0.6));
        if (small) continue;
        if (value & FAILED) {
          context.strokeStyle = mark;
          context.lineWidth = 2;
          context.strokeRect(x + 1.5, y + 1.5, w - 3, t - 3);
        }
        if (value & RUNNING) {
          context.fillStyle = run;
          context.beginPath();
          context.arc(x + w / 2, y + t / 2, Math.min(w, t) / 5, 0, 7);
          context.fill();
        }
      }
    }
    context.fillStyle = colour("muted");
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (const { text, at } of shown(yLabels, tall, 15)) context.fillText(text, left - 6, top + (at + 0.5) * size[1]);
    context.textAlign = "center";
    context.textBaseline = "top";
    const xLabels = (now.x?.labels ?? []).map((text) => cut(brief(text), most));
    const widest = Math.max(0, ...xLabels.map((text) => context.measureText(text).width)) + 10;
    for (const { text, at } of shown(xLabels, columns * size[0], widest)) {
      const half = context.measureText(text).width / 2;
      const x = left + (at + 0.5) * size[0];
      context.fillText(text, Math.min(Math.max(x, half), width - half), top + tall + 4);
    }
    context.fillStyle = colour("fg");
    if (now.x) context.fillText(now.x.name, left + Math.min((columns * size[0]) / 2, (width - left) / 2), top + tall + 22);
    if (now.y) {
      context.save();
      context.translate(4, top + tall / 2);
      context.rotate(-Math.PI / 2);
      context.fillText(cut(now.y.name, Math.max(8, Math.floor(tall / 7))), 0, 0);
      context.restore();
    }
    if (cursor) {
      context.strokeStyle = colour("fg");
      context.lineWidth = 2;
      context.strokeRect(left + cursor[0] * size[0], top + cursor[1] * size[1], size[0], size[1]);
    }
    canvas.setAttribute("aria-label", summary());
  }

  function summary() {
    const real = cells.filter((value) => value >= 0);
    const full = real.filter((value) => (value & 15) === 10).length;
    const begun = real.filter((value) => (value & 15) > 0).length - full;
    const failed = real.filter((value) => value & FAILED).length;
    return `Map of the grid, ${now.x?.name ?? "one point"}${now.y ? ` by ${now.y.name}` : ""}: ${full} of ${real.length} cells are done, ${begun} are in part${failed ? `, ${failed} hold a failed trial` : ""}. Arrow keys read a cell.`;
  }

  function read(column, row) {
    if (!now || column < 0 || row < 0 || column >= place.columns || row >= place.rows) return;
    cursor = [column, row];
    const value = cells[row * place.columns + column];
    const at = (name, index) => {
      const axis = now[name];
      if (!axis) return null;
      const more = axis.width > 1 ? " and what follows" : "";
      return `${axis.name} ${axis.labels[index]}${more}`;
    };
    const where = [at("x", column), at("y", row)].filter(Boolean).join(", ");
    const tenths = value & 15;
    const share = tenths === 0 ? "nothing is done" : tenths === 10 ? "all is done" : `about ${tenths * 10} % is done`;
    const words = value < 0 ? "no point is kept here" : [share, value & RUNNING ? "one runs or is about to" : null, value & FAILED ? "a trial failed" : null].filter(Boolean).join(", ");
    setText(reading, `${where}: ${words}`);
    draw();
  }

  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    const [column, row] = [Math.floor((event.clientX - box.left - place.left) / place.size[0]), Math.floor((event.clientY - box.top - place.top) / place.size[1])];
    if (!cursor || cursor[0] !== column || cursor[1] !== row) read(column, row);
  });
  const forget = () => { cursor = null; draw(); };
  canvas.addEventListener("pointerleave", forget);
  canvas.addEventListener("blur", forget);
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    const [column, row] = cursor ?? [0, 0];
    const next = cursor ? [column + step[0], row + step[1]] : [0, 0];
    read(Math.min(Math.max(next[0], 0), place.columns - 1), Math.min(Math.max(next[1], 0), place.rows - 1));
  });
  const self = { element, draw, update };
  let width = 0;
  new ResizeObserver(() => {
    if (Math.abs(canvas.clientWidth - width) < 2) return;
    width = canvas.clientWidth;
    draw();
  }).observe(canvas);
  drawn.add(self);
  return self;
}

// What the colours and marks of the map mean.
export function mapLegend() {
  const item = (kind, text) => h("li", {}, h("span", { class: `swatch ${kind}` }), text);
  return h("ul", { class: "legend" },
    item("cell-0", "nothing done"), item("cell-1", "under 40 %"), item("cell-2", "under 70 %"), item("cell-3", "under 100 %"), item("cell-4", "all done"),
    item("mark-run", "in workers' hands"), item("mark", "a trial failed"));
}
