// The three functions that the program calls, once the libraries are there.
"use strict";

vega.textMetrics.width = (item, text) =>
  text === null || text === undefined ? 0 : glyphWidth(String(text), Number(item.fontSize) || 11);

// Nothing is fetched.
const loader = vega.loader();
loader.load = loader.sanitize = (address) => Promise.reject(new Error("a picture reads no address: " + address));

let svg;
let failure;

globalThis.begin = (text) => {
  svg = undefined;
  failure = undefined;
  timers = [];
  warnings.length = 0;
  vega.resetSVGDefIds();
  const compiled = vegaLite.compile(JSON.parse(text)).spec;
  const logger = vega.logger(vega.Error);
  logger.error = (...words) => { failure = words.map(String).join(" "); return logger; };
  // Data that an address should bring are only warned of.
  logger.warn = (...words) => String(words[0]).startsWith("Loading failed") ? logger.error(...words) : logger;
  const view = new vega.View(vega.parse(compiled), { renderer: "none", loader, logger });
  view.toSVG().then((drawn) => { svg = drawn; }, (error) => { failure = String(error && error.message || error); });
  return "";
};

globalThis.runTimers = () => {
  const due = timers;
  timers = [];
  for (const action of due) if (action) action();
  return due.length > 0;
};

globalThis.end = () => {
  if (failure !== undefined) throw new Error(failure);
  if (svg === undefined) throw new Error("it was not drawn " + warnings.join("; "));
  return svg;
};
