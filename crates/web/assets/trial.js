// One trial: where it stands, parameters, curves, singular values, and what is known of its attempts.

import { announce, duration, h, number, setText, state, sweepLink } from "./dom.js";
import { lines } from "./charts.js";
import { get } from "./service.js";

const SCALARS = ["train_loss", "test_loss", "accuracy", "test_accuracy", "effective_rank", "stable_rank", "nuclear_norm", "sharpness", "alignment"];
const LOSSES = ["train_loss", "test_loss"];
// What the log of attempts has already, or the parameters.
const ATTEMPT = ["attempt", "status", "error", "worker", "host", "started_at", "setup_seconds", "train_seconds", "measure_seconds", "run_isa", "run_version"];

export function trialPage(sweep, trial) {
  const badge = h("span", {});
  const words = h("p", { class: "error", role: "alert" });
  const parameters = h("tbody");
  const results = h("tbody");
  const attempts = h("div", {});
  const losses = lines("Losses", "step");
  const others = lines("Other measures", "step", false);
  const spectrum = lines("Singular values", "step");
  const layer = h("select", { id: "layer", onchange: () => refresh() });
  const noSpectrum = h("p", { class: "empty" }, "The sweep does not measure spectra, or this trial has no row yet.");
  const noCurve = h("p", { class: "empty" }, "No curve is durable yet.");
  const layerRow = h("div", { class: "row" }, h("label", { for: "layer" }, "Layer"), layer);
  const card = (title, id, ...children) => h("section", { class: "card", "aria-labelledby": id }, h("h2", { id }, title), ...children);
  const both = (caption, body) => h("table", { class: "parameters" }, h("caption", { class: "hidden" }, caption), body);
  const otherCard = card("Other measures", "others-title", others.element);
  let shown = "";
  let settled = false;

  async function refresh(signal) {
    try {
      const now = await get(`sweeps/${encodeURIComponent(sweep)}/trials/${trial}?layer=${layer.value || 0}`, signal);
      const key = JSON.stringify(now);
      settled = Object.keys(now.row).length > 0;
      page.every = settled ? 15000 : 2000;
      if (key === shown) return;
      shown = key;
      badge.replaceChildren(state(now.state));
      setText(words, "");
      announce(`Trial ${trial} of ${sweep} is ${now.state}`);
      parameters.replaceChildren(...now.parameters.map(({ name, value, swept }) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, swept ? h("strong", {}, plain(value)) : plain(value)))));
      const known = new Set([...ATTEMPT, "trial", ...now.parameters.map(({ name }) => name.replaceAll(".", "_"))]);
      const values = Object.entries(now.row).filter(([name, value]) => value != null && !known.has(name));
      results.replaceChildren(...values.map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, typeof value === "number" ? number(value) : String(value)))));
      attempts.replaceChildren(...attempt(now));
      draw(now);
    } catch (problem) {
      if (problem.name !== "AbortError") setText(words, problem.message);
    }
  }

  function draw(now) {
    const x = now.history.step ?? [];
    const of = (names) => names.filter((name) => now.history[name]).map((name) => ({ label: name, y: now.history[name] }));
    const [loss, rest] = [of(LOSSES), of(SCALARS.filter((name) => !LOSSES.includes(name)))];
    losses.element.hidden = loss.length === 0;
    noCurve.hidden = loss.length > 0;
    otherCard.hidden = rest.length === 0;
    losses.update({ x: loss.length ? x : [], lines: loss });
    others.update({ x: rest.length ? x : [], lines: rest });
    const has = now.spectrum.values.length > 0;
    noSpectrum.hidden = now.layers.length > 0;
    layerRow.hidden = now.layers.length === 0;
    spectrum.element.hidden = !has;
    if (layer.options.length !== now.layers.length) {
      layer.replaceChildren(...now.layers.map((at) => h("option", { value: at }, at === 0 ? "end to end" : `layer ${at}`)));
      layer.value = now.layer;
      // A sweep may have no end-to-end spectrum.
      if (!has && now.layers.length && !now.layers.includes(now.layer)) { layer.value = now.layers[0]; refresh(); }
    }
    spectrum.update({ x: has ? now.spectrum.step : [], lines: now.spectrum.values.slice(0, 8).map((y, at) => ({ label: `value ${at + 1}`, y })) });
  }

  const page = {
    title: `Trial ${trial} of ${sweep}`,
    element: [
      h("div", {}, h("p", { class: "small" }, h("a", { href: sweepLink(sweep) }, sweep)), h("h1", {}, `Trial ${trial} `, badge), words),
      h("div", { class: "two" }, card("Losses", "losses-title", losses.element, noCurve), card("Singular values", "spectrum-title", layerRow, spectrum.element, noSpectrum)),
      otherCard,
      card("Attempts", "attempts-title", attempts),
      h("div", { class: "two" }, card("Parameters", "parameters-title", h("p", { class: "small" }, "Swept ones first, in bold."), both("Parameters", parameters)), card("Results", "results-title", both("Results", results))),
    ],
    refresh,
    every: 2000,
  };
  return page;
}

// A text without the quotes of a sweep file.
const plain = (value) => value.replace(/^"([^"]*)"$/, "$1");

// The log of attempts: those that ended without a row, then the one that has it.
function attempt(now) {
  const { row } = now;
  const before = now.attempts.map(({ worker, ended_at_ms, outcome }) => [new Date(ended_at_ms).toISOString().slice(0, 19).replace("T", " ") + " UTC:", outcome, worker ? `(${worker})` : null].filter(Boolean).join(" "));
  if (!Object.keys(row).length) {
    const log = before.length ? [h("ol", { class: "failures" }, before.map((text) => h("li", {}, text)))] : [];
    return [...log, h("p", { class: "empty" }, { running: "A worker has it.", pending: "It waits for a worker.", "being written": "It has ended; its row is being written." }[now.state] ?? now.state)];
  }
  // Of older folders, and where a worker was lost before it named what it ran.
  const earlier = (row.attempt ?? 1) - 1 - before.length;
  const seconds = ["setup", "train", "measure"].filter((part) => row[`${part}_seconds`] != null).map((part) => `${part} ${duration(row[`${part}_seconds`])}`);
  const lines = [
    ...before,
    earlier > 0 ? `${earlier} earlier ${earlier === 1 ? "attempt" : "attempts"} ended without a result: a worker died or was lost.` : null,
    [`Attempt ${row.attempt ?? 1}: ${row.status}`, row.worker ? `on worker ${row.worker}` : null, row.host ? `(${row.host})` : null, row.started_at ? `started ${row.started_at} UTC` : null].filter(Boolean).join(" "),
    seconds.length ? seconds.join(", ") : null,
  ];
  const items = lines.filter(Boolean).map((text) => h("li", {}, text));
  return [h("ol", { class: "failures" }, items), row.error ? h("p", { class: "notice bad" }, row.error) : null].filter(Boolean);
}
