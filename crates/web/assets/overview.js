// The first page: totals, sweeps, workers, what failed last. And the two lists by themselves, page by page.

import { announce, bar, bytes, done, duration, eta, h, link, number, pager, percent, rate, setText, state, sweepLink, table, trialLink, whole } from "./dom.js";
import { spark } from "./charts.js";
import { get } from "./service.js";

// Rows on the first page, which is to be seen at once; the lists have all.
const SWEEPS = 15;
const WORKERS = 10;

const sweepColumns = [
  { name: "Sweep", kind: "text", cell: (sweep) => link(sweepLink(sweep.name), sweep.name) },
  { name: "State", cell: (sweep) => ({ key: sweep.state, make: () => state(sweep.state) }) },
  { name: "Progress", cell: (sweep) => ({ key: sweep.name, row: sweep, make: () => bar(sweep) }) },
  { name: "Done", kind: "number", cell: (sweep) => `${whole(done(sweep))} of ${whole(sweep.trials)} (${percent(done(sweep), sweep.trials)})` },
  { name: "Diverged", kind: "number", cell: (sweep) => (sweep.diverged ? whole(sweep.diverged) : "") },
  { name: "Failed", kind: "number", cell: (sweep) => (sweep.failed ? whole(sweep.failed) : "") },
  { name: "Time left", kind: "nowrap", cell: eta },
  { name: "Note", kind: "text", cell: (sweep) => sweep.waiting ?? sweep.problem ?? "" },
];

const workerColumns = [
  { name: "Worker", kind: "text", cell: (worker) => worker.name },
  { name: "State", cell: (worker) => ({ key: worker.state, make: () => state(worker.state) }) },
  { name: "Host", kind: "host", cell: (worker) => worker.host },
  { name: "Threads", kind: "number", cell: (worker) => whole(worker.threads) },
  { name: "Works on", kind: "text", cell: works },
  { name: "Holds", kind: "number", cell: (worker) => whole(worker.held) },
  { name: "Reported", kind: "number", cell: (worker) => whole(worker.trials) },
  { name: "Memory", kind: "number", cell: (worker) => bytes(worker.memory_bytes) },
  { name: "Last heard", kind: "nowrap", cell: (worker) => `${duration(worker.silent_seconds)} ago` },
  { name: "Problem", kind: "text", cell: (worker) => worker.problem },
];

function works(worker) {
  if (!worker.sweep) return "";
  const trials = worker.running.slice(0, 3).join(", ");
  const more = worker.running.length > 3 ? ", ..." : "";
  const text = trials ? `${worker.sweep}: trial ${trials}${more}` : worker.sweep;
  return link(sweepLink(worker.sweep), text);
}

export const sweepTable = () => table("Sweeps", sweepColumns, (sweep) => sweep.name, "No sweep is here yet: parsimony submit FILE adds one.");
export const workerTable = () => table("Workers", workerColumns, (worker) => `${worker.name} ${worker.host}`, "No worker is connected: parsimony worker --coordinator URL starts one.");

function tile(name) {
  const big = h("div", { class: "big" }, "-");
  const small = h("div", { class: "small" });
  const element = h("div", { class: "tile" }, h("dt", {}, name), h("dd", {}, big, small));
  return { element, update: (text, more) => { setText(big, text); setText(small, more); } };
}

// A moment in the viewer's zone, as 2026-01-31 09:05.
function moment(seconds) {
  const at = new Date(seconds * 1000);
  const two = (part) => String(part).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

export function failureList() {
  const list = h("ul", { class: "failures" });
  const nothing = h("p", { class: "empty" }, "No trial has failed.");
  let shown = "";
  return {
    element: h("div", {}, list, nothing),
    update(failures, sweep) {
      const key = JSON.stringify(failures);
      if (key === shown) return;
      shown = key;
      list.replaceChildren(...failures.map((failure) => {
        const name = failure.sweep ?? sweep;
        const when = failure.at ? `, ${moment(failure.at)}` : "";
        return h("li", {}, h("a", { href: trialLink(name, failure.trial) }, `${failure.sweep ? `${failure.sweep}, ` : ""}trial ${failure.trial}`), h("span", { class: "small" }, when), h("div", {}, failure.error));
      }));
      nothing.hidden = failures.length > 0;
    },
  };
}

export function overview() {
  const tiles = { trials: tile("Trials done"), speed: tile("Throughput"), sweeps: tile("Sweeps"), workers: tile("Workers"), failed: tile("Failed trials") };
  const line = spark();
  tiles.speed.element.querySelector("dd").append(line.element);
  const sweeps = sweepTable();
  const workers = workerTable();
  const failures = failureList();
  const moreSweeps = h("p", { class: "small" });
  const moreWorkers = h("p", { class: "small" });
  const element = [
    h("h1", {}, "Overview"),
    h("dl", { class: "tiles" }, Object.values(tiles).map((each) => each.element)),
    h("section", { class: "card", "aria-label": "Sweeps" }, sweeps.element, moreSweeps),
    h("section", { class: "card", "aria-label": "Workers" }, workers.element, moreWorkers),
    h("section", { class: "card", "aria-labelledby": "failures" }, h("h2", { id: "failures" }, "Last failures"), failures.element),
  ];
  return {
    title: "Overview",
    element,
    onOverview(now) {
      const { totals } = now;
      const all = done(totals);
      tiles.trials.update(whole(all), `${percent(all, totals.trials)} of ${whole(totals.trials)}`);
      const rates = now.rates.slice(-3);
      const current = rates.length ? rates.reduce((sum, each) => sum + each, 0) / rates.length : null;
      tiles.speed.update(current == null ? "not known yet" : rate(current), now.rates.length > 1 ? `last ${duration(now.rates.length * now.rate_seconds)}` : "");
      line.update(now.rates);
      tiles.sweeps.update(whole(totals.running), `running, of ${whole(totals.sweeps)}`);
      const kinds = [["busy", totals.busy], ["idle", totals.idle], ["draining", totals.draining], ["away", totals.away]].filter(([, count]) => count);
      tiles.workers.update(whole(totals.workers), [`${whole(totals.threads)} threads`, ...kinds.map(([name, count]) => `${whole(count)} ${name}`)].join(", "));
      tiles.failed.update(whole(totals.failed), `${whole(totals.diverged)} diverged, which is a result`);
      const [shownSweeps, shownWorkers] = [now.sweeps.rows.slice(0, SWEEPS), now.workers.rows.slice(0, WORKERS)];
      sweeps.update(shownSweeps);
      workers.update(shownWorkers);
      failures.update(now.failures);
      setText(moreSweeps, now.sweeps.count > SWEEPS ? `The first ${whole(SWEEPS)} of ${whole(now.sweeps.count)}; the page Sweeps has all.` : "");
      setText(moreWorkers, now.workers.count > WORKERS ? `The first ${whole(WORKERS)} of ${whole(now.workers.count)}; the page Workers has all.` : "");
      announce(`${totals.running} sweeps running, ${percent(all, totals.trials)} of the trials done, ${number(totals.failed)} failed`);
    },
  };
}

// A list by itself, page by page.
function list(title, what, make) {
  const rows = make();
  let page = 0;
  let asked = 0;
  const turn = pager("page", (by) => { page = Math.max(0, page + by); refresh(); });
  const error = h("p", { class: "error", role: "alert" });
  async function refresh(signal) {
    const own = ++asked;
    try {
      const now = await get(`${what}?page=${page}`, signal);
      if (own !== asked) return;
      page = now.page;
      rows.update(now.rows);
      turn.update({ text: `Page ${now.page + 1} of ${now.pages}, ${whole(now.count)} in all`, first: now.page === 0, last: now.page + 1 >= now.pages });
      setText(error, "");
    } catch (problem) {
      if (problem.name !== "AbortError") setText(error, problem.message);
    }
  }
  return { title, element: [h("h1", {}, title), h("section", { class: "card", "aria-label": title }, rows.element, turn.element, error)], refresh, every: 2000 };
}

export const sweepsPage = () => list("Sweeps", "sweeps", sweepTable);
export const workersPage = () => list("Workers", "workers", workerTable);
