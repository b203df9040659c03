// One sweep: how far it is, the map of its grid, curves of recent trials, its pictures, its trials page by page, and the
// buttons that change it.

import { announce, bar, done, duration, eta, h, link, number, pager, percent, setText, state, table, trialLink, whole } from "./dom.js";
import { lines, map, mapLegend } from "./charts.js";
import { failureList } from "./overview.js";
import { get, hasToken, picture, post } from "./service.js";

const api = (name, more = "") => `sweeps/${encodeURIComponent(name)}${more}`;

const changes = {
  pause: { words: "Pause", when: ["running"] },
  resume: { words: "Resume", when: ["paused", "stopped", "cancelled"] },
  retry: { words: "Retry failed trials", when: ["running", "paused", "finished", "cancelled", "stopped"] },
  cancel: { words: "Cancel", when: ["running", "paused", "stopped"], ask: "Workers give its trials back. What is done stays; resume takes it up again." },
};

export function sweepPage(name, shell) {
  const progress = progressCard(name);
  const buttons = changeButtons(name, shell, () => refresh());
  const grid = gridCard(name);
  const curves = curvesCard(name);
  const pictures = picturesCard(name);
  const trials = trialsCard(name);
  const failures = failureList();
  const error = h("p", { class: "error", role: "alert" });
  let turns = 0;
  let before = null;

  async function refresh(signal) {
    pictures.until(signal);
    try {
      const now = await get(api(name), signal);
      setText(error, "");
      progress.update(now);
      buttons.update(now);
      failures.update(now.failures, name);
      announce(`${name} ${now.state}, ${percent(done(now), now.trials)} done${now.failed ? `, ${whole(now.failed)} failed` : ""}`);
      const moved = before !== `${done(now)} ${now.state} ${now.leased}`;
      before = `${done(now)} ${now.state} ${now.leased}`;
      // What did not move is not asked for again, or rarely: rows become durable a little later.
      if (moved || turns % 5 === 0) await grid.refresh(signal);
      if (turns % 2 === 0 && (moved || turns % 6 === 0)) await Promise.all([curves.refresh(signal), trials.refresh(signal)]);
      turns += 1;
    } catch (problem) {
      if (problem.name !== "AbortError") setText(error, problem.message);
    }
  }

  return {
    title: name,
    element: [
      h("div", {}, h("p", { class: "small" }, h("a", { href: "#/sweeps" }, "Sweeps")), h("h1", {}, name), error),
      progress.element, buttons.element,
      h("div", { class: "two" }, grid.element, curves.element),
      pictures.element,
      trials.element,
      h("section", { class: "card", "aria-labelledby": "failures" }, h("h2", { id: "failures" }, "Last failures"), failures.element),
    ],
    refresh,
    every: 1500,
    onToken: () => buttons.token(),
  };
}

function progressCard() {
  const badge = h("span", {});
  const big = h("strong", {});
  const time = h("span", { class: "small" });
  const holder = h("div", {});
  const legend = h("ul", { class: "legend" });
  const waiting = h("p", { class: "notice" });
  const problem = h("p", { class: "notice bad" });
  const notes = h("div", {});
  const folder = h("p", { class: "small" });
  let line = null;
  const item = (kind) => {
    const text = h("span", {});
    legend.append(h("li", {}, h("span", { class: `swatch ${kind}` }), text));
    return text;
  };
  const counts = Object.fromEntries(["completed", "diverged", "failed", "held", "pending"].map((kind) => [kind, item(kind)]));
  const element = h("section", { class: "card", "aria-label": "Progress" }, h("div", { class: "row" }, badge, big, time), holder, legend, waiting, problem, notes, folder);
  let shownState = "";
  return {
    element,
    update(now) {
      if (shownState !== now.state) { badge.replaceChildren(state(now.state)); shownState = now.state; }
      if (!line) { line = bar(now, true); holder.append(line.element); }
      line.update(now);
      setText(big, `${whole(done(now))} of ${whole(now.trials)} trials, ${percent(done(now), now.trials)}`);
      const left = eta(now);
      const words = [
        left && now.state === "running" ? (now.eta_seconds == null ? "time left: not known" : `${left} left, by what trials took so far`) : null,
        now.elapsed_seconds > 0 ? `ran for ${duration(now.elapsed_seconds)} here` : null,
        now.reported && now.elapsed_seconds > 1 ? `${number(Number((now.reported / now.elapsed_seconds).toPrecision(3)))} trials/s on average` : null,
        now.priority ? `priority ${now.priority}` : null,
      ];
      setText(time, words.filter(Boolean).join(" · "));
      const pending = Math.max(0, now.trials - done(now) - now.leased);
      setText(counts.completed, `${whole(now.completed)} completed`);
      setText(counts.diverged, `${whole(now.diverged)} diverged`);
      setText(counts.failed, `${whole(now.failed)} failed`);
      setText(counts.held, `${whole(now.leased)} in workers' hands`);
      setText(counts.pending, `${whole(pending)} pending`);
      waiting.hidden = !now.waiting;
      setText(waiting, now.waiting ? `Waiting: ${now.waiting}` : "");
      problem.hidden = !now.problem;
      setText(problem, now.problem ? `Problem: ${now.problem}` : "");
      notes.replaceChildren(...now.notes.map((note) => h("p", { class: "small" }, note)));
      setText(folder, `Tables: ${now.folder}`);
    },
  };
}

function changeButtons(name, shell, then) {
  const said = h("p", { class: "small", role: "status" });
  const error = h("p", { class: "error", role: "alert" });
  const locked = h("span", { class: "small" });
  let now = null;
  const buttons = Object.entries(changes).map(([change, about]) => {
    const button = h("button", { type: "button", class: change === "cancel" ? "danger" : "", onclick: () => ask(change, about) }, about.words);
    return { change, about, button };
  });
  const element = h("section", { class: "card", "aria-label": "Changes" }, h("div", { class: "row" }, buttons.map((each) => each.button), locked), said, error);

  async function ask(change, about) {
    if (about.ask && !(await shell.confirm(`Cancel ${name}?`, about.ask, "Cancel the sweep"))) return;
    setText(said, "");
    setText(error, "");
    try {
      const answer = await post(api(name, `/${change}`));
      setText(said, change === "retry" ? `${whole(answer.trials)} failed trials run again.` : `Done: ${about.words.toLowerCase()}.`);
      await then();
    } catch (problem) {
      setText(error, problem.message);
      if (problem.status === 401) shell.askToken();
    }
  }

  function token() {
    if (!now) return;
    const may = shell.about.changes && hasToken();
    for (const { change, about, button } of buttons) {
      const fits = about.when.includes(now.state) && (change !== "retry" || now.failed > 0);
      button.disabled = !may || !fits;
    }
    setText(locked, !shell.about.changes ? "This page is read-only: it was started without a token." : hasToken() ? "" : "A user's token unlocks these: the button Token at the top.");
  }

  return { element, token, update(latest) { now = latest; token(); } };
}

function gridCard(name) {
  const picture = map();
  const x = h("select", { id: "map-x", onchange: () => refresh() });
  const y = h("select", { id: "map-y", onchange: () => refresh() });
  const note = h("p", { class: "small" });
  const error = h("p", { class: "error" });
  const picks = h("div", { class: "row" }, h("label", { for: "map-x" }, "Across"), x, h("label", { for: "map-y" }, "Down"), y);
  const element = h("section", { class: "card", "aria-labelledby": "map-title" }, h("h2", { id: "map-title" }, "The grid"), picks, picture.element, mapLegend(), note, error);
  let known = "";
  async function refresh(signal) {
    const asked = known ? `?x=${x.value}&y=${y.value}` : "";
    try {
      const now = await get(api(name, `/cells${known && x.value !== "" && y.value !== "" ? asked : ""}`), signal);
      const axes = JSON.stringify(now.axes);
      if (axes !== known) {
        known = axes;
        for (const select of [x, y]) select.replaceChildren(...now.axes.map((axis, at) => h("option", { value: at }, `${axis.name} (${whole(axis.count)})`)));
      }
      picks.hidden = now.axes.length < 2;
      if (now.x) x.value = now.x.place;
      if (now.y) y.value = now.y.place;
      picture.update(now);
      const others = now.axes.length > 2 ? "Other axes are summed. " : "";
      const wide = [now.x, now.y].some((side) => side && side.width > 1) ? "A cell stands for several values. " : "";
      const rough = now.exact ? "" : "The filter leaves too many runs of points: shares count points that it leaves out. ";
      const elsewhere = now.elsewhere.points ? `${whole(now.elsewhere.done)} of ${whole(now.elsewhere.points)} points outside of this map are done.` : "";
      setText(note, `${others}${wide}${rough}${elsewhere}`);
      setText(error, "");
    } catch (problem) {
      if (problem.name !== "AbortError") setText(error, problem.message);
    }
  }
  return { element, refresh };
}

function curvesCard(name) {
  const chart = lines("Train loss of recent trials", "step");
  const nothing = h("p", { class: "empty" }, "No curve is durable yet.");
  const error = h("p", { class: "error" });
  const element = h("section", { class: "card", "aria-labelledby": "curves-title" }, h("h2", { id: "curves-title" }, "Train loss of the trials that ended last"), chart.element, nothing, error);
  let shown = "";
  async function refresh(signal) {
    try {
      const { trials } = await get(api(name, "/curves"), signal);
      const key = trials.map((trial) => trial.trial).join();
      nothing.hidden = trials.length > 0;
      chart.element.hidden = trials.length === 0;
      setText(error, "");
      if (key === shown) return;
      shown = key;
      const joined = uPlot.join(trials.map((trial) => [trial.step, trial.train_loss]));
      const all = trials.map((trial, at) => ({
        label: `trial ${trial.trial}`,
        link: h("a", { href: trialLink(name, trial.trial) }, `trial ${trial.trial}`),
        title: trial.label,
        y: joined[at + 1].map((value) => value ?? null),
      }));
      chart.update(trials.length ? { x: joined[0], lines: all } : { x: [], lines: [] });
    } catch (problem) {
      if (problem.name !== "AbortError") setText(error, problem.message);
    }
  }
  return { element, refresh };
}

// The pictures of the sweep file, else a guess. They take seconds, so a button draws them.
function picturesCard(name) {
  const holder = h("div", { class: "pictures" });
  const said = h("span", { class: "small", role: "status" });
  const error = h("p", { class: "error", role: "alert" });
  const button = h("button", { type: "button", onclick: () => draw() }, "Draw");
  const element = h("section", { class: "card", "aria-labelledby": "pictures-title" }, h("h2", { id: "pictures-title" }, "Pictures"), h("div", { class: "row" }, button, said), error, holder);
  let leaving;
  const theme = () => document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");

  async function figure(plot) {
    const title = plot.title ?? plot.name;
    try {
      const { svg, notes } = await picture(api(name, `/plots/${encodeURIComponent(plot.name)}.svg?theme=${theme()}`), leaving);
      const src = URL.createObjectURL(svg);
      const free = () => URL.revokeObjectURL(src);
      // As an image an SVG runs no script and loads nothing.
      const image = h("img", { src, alt: `${title}: ${plot.words}`, onload: free, onerror: free });
      return h("figure", {}, image, h("figcaption", { class: "small" }, notes ? `${title}: ${notes}` : title));
    } catch (problem) {
      if (problem.name === "AbortError") throw problem;
      return h("p", { class: "notice" }, `${title} is not drawn: ${problem.message}`);
    }
  }

  async function draw() {
    button.disabled = true;
    setText(error, "");
    setText(said, "Drawing");
    try {
      const { guess, plots } = await get(api(name, "/plots"), leaving);
      for (const [at, plot] of plots.entries()) {
        setText(said, `Drawing ${whole(at + 1)} of ${whole(plots.length)}`);
        const drawn = await figure(plot);
        if (at === 0) holder.replaceChildren(drawn);
        else holder.append(drawn);
      }
      setText(said, guess ? "The sweep file has no [[plot]]: these are a guess." : "");
      setText(button, "Draw again");
    } catch (problem) {
      setText(said, "");
      if (problem.name !== "AbortError") setText(error, problem.message);
    }
    button.disabled = false;
  }

  return { element, until(signal) { leaving = signal ?? leaving; } };
}

function trialsCard(name) {
  const holder = h("div", {});
  const error = h("p", { class: "error" });
  const which = h("select", { id: "which", onchange: () => { starts = [0]; refresh(); } }, ["all", "completed", "diverged", "failed"].map((status) => h("option", { value: status }, status)));
  let starts = [0];
  let next = null;
  let asked = 0;
  const turn = pager("trials", (by) => {
    if (by > 0 && next != null) starts.push(next);
    if (by < 0 && starts.length > 1) starts.pop();
    refresh();
  });
  let rows = null;
  let columns = "";
  const element = h("section", { class: "card", "aria-label": "Trials" }, h("div", { class: "row" }, h("label", { for: "which" }, "Show"), which), holder, turn.element, error);
  async function refresh(signal) {
    const own = ++asked;
    const from = starts[starts.length - 1];
    try {
      const now = await get(api(name, `/trials?from=${from}&status=${which.value}`), signal);
      if (own !== asked) return;
      // A column without any value on this page takes no room.
      const used = now.columns.map((_, at) => at).filter((at) => at === 0 || now.rows.some((row) => row[at] != null));
      if (columns !== used.map((at) => now.columns[at]).join() && (now.rows.length || !rows)) {
        columns = used.map((at) => now.columns[at]).join();
        rows = table("Trials", trialColumns(name, now.columns, used), (row) => row[0], "No such trial has a durable row.");
        holder.replaceChildren(rows.element);
      }
      rows.update(now.rows);
      next = now.next;
      const [first, last] = [now.rows[0]?.[0], now.rows[now.rows.length - 1]?.[0]];
      turn.update({ text: now.rows.length ? `trials ${whole(first)} to ${whole(last)}` : "", first: starts.length === 1, last: next == null });
      setText(error, "");
    } catch (problem) {
      if (problem.name !== "AbortError") setText(error, problem.message);
    }
  }
  return { element, refresh };
}

function trialColumns(name, columns, used) {
  return used.map((at) => {
    const column = columns[at];
    if (at === 0) return { name: "trial", cell: (row) => link(trialLink(name, row[0]), String(row[0])) };
    if (column === "status") return { name: column, cell: (row) => ({ key: row[at], make: () => state(row[at]) }) };
    const isText = column === "error" || column === "worker";
    return { name: column, kind: isText ? "text" : "number", cell: (row) => (typeof row[at] === "number" ? number(row[at]) : String(row[at] ?? "")) };
  });
}
