// What Vega and Vega-Lite want of a browser when they are loaded.
"use strict";

const warnings = [];
globalThis.console = {
  log() {},
  info() {},
  debug() {},
  warn(...words) { warnings.push(words.join(" ")); },
  error(...words) { warnings.push(words.join(" ")); },
};

let timers = [];
globalThis.setTimeout = (action) => timers.push(action);
globalThis.clearTimeout = (timer) => { timers[timer - 1] = undefined; };

// Specifications are JSON: they have no dates, maps or cycles.
globalThis.structuredClone = (value) => value === undefined ? undefined : JSON.parse(JSON.stringify(value));
