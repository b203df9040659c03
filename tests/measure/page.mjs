// What the live page costs a browser: first paint, and what it does while numbers move.
//
//   node page.mjs URL SWEEP [SECONDS]
//
// PARSIMONY_PAGE names the folder whose node_modules hold playwright-core; PARSIMONY_CHROMIUM the browser. Prints a
// Markdown row a view: milliseconds to the first paint and until its tables are filled, then the share of a core that
// the browser's page takes, megabytes of its heap, and requests a second, over SECONDS of updates. `tests/measure/page.sh`
// calls it.

import { createRequire } from "node:module";
import { join } from "node:path";

const [url, sweep, seconds = "20"] = process.argv.slice(2);
const require = createRequire(join(process.env.PARSIMONY_PAGE, "x.js"));
const { chromium } = require("playwright-core");

const views = [
  ["overview", "#/", "main table tbody tr a"],
  ["workers", "#/workers", "main table tbody tr"],
  ["sweep", `#/sweeps/${sweep}`, "section[aria-label=Trials] tbody tr a"],
];

const browser = await chromium.launch({ executablePath: process.env.PARSIMONY_CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });
for (const [name, hash, ready] of views) {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
  page.setDefaultTimeout(120000);
  const begun = Date.now();
  await page.goto(url + hash);
  await page.waitForSelector(ready);
  const filled = Date.now() - begun;
  const paint = await page.evaluate(() => performance.getEntriesByType("paint").find(({ name }) => name === "first-contentful-paint")?.startTime ?? NaN);
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Performance.enable");
  const read = async () => Object.fromEntries((await devtools.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value]));
  let requests = 0;
  page.on("request", () => { requests += 1; });
  const before = await read();
  await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  const after = await read();
  const share = (after.TaskDuration - before.TaskDuration) / seconds;
  console.log(`| ${name} | ${paint.toFixed(0)} ms | ${filled} ms | ${(100 * share).toFixed(1)} % | ${(after.JSHeapUsedSize / 1e6).toFixed(1)} MB | ${(requests / seconds).toFixed(2)} |`);
  await page.context().close();
}
await browser.close();
