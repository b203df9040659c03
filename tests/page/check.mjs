// Looks at the live page in a real, headless Chromium: does it load, do its numbers move, is a sweep cancelled with a token
// and not without, is nothing asked of anybody else, does axe find nothing serious, does it fit a phone, in light and dark.
//
//   node check.mjs URL TOKEN_FILE SWEEP [SCREENSHOTS]
//
// PARSIMONY_PAGE names the folder whose node_modules hold playwright-core and axe-core; PARSIMONY_CHROMIUM the browser.
// Prints a line a check. Exits 1 at the first that fails.

import { createRequire } from "node:module";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const [url, tokenFile, sweep, shots] = process.argv.slice(2);
const require = createRequire(join(process.env.PARSIMONY_PAGE, "x.js"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const token = readFileSync(tokenFile, "utf8").trim();
const patience = 60000;

const troubles = [];
// What the page is to provoke, as a status: a wrong token is answered by 401, a picture without rows by 409, which a
// browser writes to its console.
let expectRefusal = null;

function check(holds, words) {
  if (!holds) throw new Error(words);
  console.log(`ok: ${words}`);
}

function listen(page) {
  page.on("console", (message) => {
    const refusal = expectRefusal && message.text().includes(expectRefusal);
    if (message.type() === "error" && !refusal) troubles.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => troubles.push(`error: ${error.message}`));
  page.on("request", (request) => {
    const isOwn = request.url().startsWith(url) || request.url().startsWith(`blob:${url}`);
    if (!isOwn) troubles.push(`a request to ${request.url()}`);
    if (request.url().includes(token)) troubles.push("the token is in an address");
  });
}

async function open(browser, options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  listen(page);
  return page;
}

const live = (page) => page.waitForSelector('#connection[data-state="live"]');
const done = (page) => page.locator(".tile .big").first().textContent();

async function until(what, holds) {
  const begun = Date.now();
  while (!(await holds())) {
    if (Date.now() - begun > patience) throw new Error(`${what}: not in time`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

// Goes to a place within the page.
async function go(page, hash, ready) {
  await page.evaluate((to) => { location.hash = to; }, hash);
  await page.waitForSelector(ready);
}

async function look(page, name) {
  const result = await page.evaluate(`${axe}; axe.run(document, { resultTypes: ["violations"] })`);
  const serious = result.violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  const words = serious.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ")}`);
  check(serious.length === 0, `${name}: axe finds nothing serious ${words.join("\n")}`);
  const [has, room] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  check(has <= room, `${name}: ${has} pixels fit into ${room}`);
  if (shots) await page.screenshot({ path: join(shots, `${name.replaceAll(" ", "-")}.png`), fullPage: true });
}

const pictures = "section[aria-labelledby=pictures-title]";

// How to come to each view, and what shows that it is there.
const places = {
  overview: ["#/", "main table tbody tr a"],
  workers: ["#/workers", "main table tbody tr"],
  sweep: [`#/sweeps/${sweep}`, "section[aria-label=Trials] tbody tr a"],
  trial: [null, "table.parameters tr"],
};

async function views(page, kind, names) {
  await live(page);
  for (const name of names) {
    const [hash, ready] = places[name];
    if (hash) await go(page, hash, ready);
    else await page.click("section[aria-label=Trials] tbody tr:first-child a");
    await page.waitForSelector(ready);
    if (name === "sweep" || name === "trial") await page.waitForSelector(".plot canvas");
    await look(page, `${name} ${kind}`);
  }
}

async function main() {
  if (shots) mkdirSync(shots, { recursive: true });
  const browser = await chromium.launch({ executablePath: process.env.PARSIMONY_CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  try {
    const desktop = { viewport: { width: 1280, height: 900 } };
    const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
    const page = await open(browser, { ...desktop, colorScheme: "light" });
    await page.goto(url);
    await live(page);
    const title = await page.title();
    check(title === "Overview - parsimony", `the page loads: ${title}`);
    const before = await done(page);
    await until("numbers move", async () => (await done(page)) !== before);
    check(true, `numbers move: ${before}, then ${await done(page)}`);
    const names = await page.locator("section[aria-label=Workers] tbody th").allTextContents();
    check(names.some((name) => name.includes("<img")), `a worker's name is text: ${names}`);
    check((await page.locator("main img").count()) === 0, "and no element");
    await views(page, "desktop light", ["overview", "workers", "sweep", "trial"]);

    await go(page, `#/sweeps/${sweep}`, pictures);
    expectRefusal = "409";
    await page.click(`${pictures} button`);
    const width = () => page.evaluate(`document.querySelector("${pictures} img")?.naturalWidth ?? 0`);
    await until("a picture", async () => (await width()) > 0);
    await until("all pictures", async () => page.isEnabled(`${pictures} button`));
    check((await page.locator(`${pictures} img`).count()) > 1, "the pictures of a sweep are drawn");
    await look(page, "pictures");
    expectRefusal = null;

    const dark = await open(browser, { ...desktop, colorScheme: "dark" });
    await dark.goto(url);
    await views(dark, "desktop dark", ["sweep", "trial"]);
    await dark.click("#theme");
    check((await dark.evaluate(() => document.documentElement.dataset.theme)) === "light", "the switch changes the theme");
    const small = await open(browser, { ...phone, colorScheme: "light" });
    await small.goto(url);
    await views(small, "phone light", ["overview", "sweep", "trial"]);
    const night = await open(browser, { ...phone, colorScheme: "dark" });
    await night.goto(url);
    await views(night, "phone dark", ["sweep"]);

    await go(page, `#/sweeps/${sweep}`, "section[aria-label=Changes] button");
    const cancel = page.locator("section[aria-label=Changes] button.danger");
    await until("buttons", async () => (await page.locator("section[aria-label=Progress] .state").count()) === 1);
    check(await cancel.isDisabled(), "nothing can be changed without a token");
    await page.click("#token");
    await page.waitForSelector("#token-dialog[open]");
    if (shots) await page.screenshot({ path: join(shots, "token.png") });
    expectRefusal = "401";
    await page.fill("#token-text", "user.1.wrong");
    await page.press("#token-text", "Enter");
    await until("a refusal", async () => ((await page.textContent("#token-error")) ?? "") !== "");
    check((await page.textContent("#token-error")).startsWith("This is not the token"), "a wrong token is refused in words");
    expectRefusal = null;
    await page.fill("#token-text", token);
    await page.press("#token-text", "Enter");
    await page.waitForSelector("#token-dialog", { state: "hidden" });
    await until("the button", async () => cancel.isEnabled());
    // By keys alone.
    await cancel.focus();
    await page.keyboard.press("Enter");
    await page.waitForSelector("#confirm[open]");
    await look(page, "confirm");
    await page.click("#confirm-yes");
    await page.waitForSelector('section[aria-label=Progress] .state[data-state="cancelled"]');
    check(true, "a sweep is cancelled with a token");
    const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href]));
    check(!kept.includes(token), "the token is stored nowhere");
    check(troubles.length === 0, `no console error and no request to elsewhere ${troubles.join("\n")}`);
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  console.error(`failed: ${error.message}`);
  for (const trouble of troubles) console.error(trouble);
  process.exit(1);
});
