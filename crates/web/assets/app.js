// The page as a whole: which view is shown, the stream of overviews, the theme, the token.

import { announce, setText } from "./dom.js";
import { redraw } from "./charts.js";
import { overview, sweepsPage, workersPage } from "./overview.js";
import { sweepPage } from "./sweep.js";
import { trialPage } from "./trial.js";
import { follow, get, hasToken, post, setToken, wake } from "./service.js";

const $ = (id) => document.getElementById(id);
const main = $("main");
let view = null;
let latest = null;
let leaving = null;
const shell = { about: { changes: false, local: false, version: "" }, confirm: confirmed, askToken };

function viewOf(hash) {
  const parts = hash.replace(/^#\/?/, "").split("/").map((part) => { try { return decodeURIComponent(part); } catch { return part; } });
  if (parts[0] === "sweeps" && parts[2] === "trials" && /^\d+$/.test(parts[3] ?? "")) return trialPage(parts[1], parts[3]);
  if (parts[0] === "sweeps" && parts[1]) return sweepPage(parts[1], shell);
  if (parts[0] === "sweeps") return sweepsPage();
  if (parts[0] === "workers") return workersPage();
  return overview();
}

function show(first) {
  leaving?.abort();
  const own = new AbortController();
  leaving = own;
  view = viewOf(location.hash);
  document.title = `${view.title} - parsimony`;
  main.replaceChildren(...view.element);
  const page = location.hash.replace(/^#\/?/, "").split("/")[0] || "overview";
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.page === page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (latest) view.onOverview?.(latest);
  if (!first) { main.focus({ preventScroll: true }); window.scrollTo(0, 0); }
  poll(view, own.signal);
}

// Asks again as often as a view wants, and not while nobody looks.
async function poll(own, signal) {
  if (!own.refresh) return;
  while (!signal.aborted) {
    if (!document.hidden) await own.refresh(signal);
    await new Promise((resolve) => setTimeout(resolve, own.every));
  }
}

const names = { connecting: "connecting", live: "live", lost: "not connected" };
function connection(state, why, status) {
  const element = $("connection");
  element.dataset.state = state;
  const local = shell.about.local && state === "lost" && status !== 401 ? " - the run may have ended" : "";
  setText(element, `${names[state]}${local}`);
  element.title = why;
  if (state === "lost") announce(`Not connected: ${why}`);
  if (status === 401) askToken();
}

const themes = ["system", "light", "dark"];
function theme(name) {
  if (name === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  setText($("theme"), `Theme: ${name}`);
  redraw();
}
let themeNow = "system";
try { themeNow = themes.includes(localStorage.getItem("theme")) ? localStorage.getItem("theme") : "system"; } catch { /* No storage: the system's. */ }
$("theme").addEventListener("click", () => {
  themeNow = themes[(themes.indexOf(themeNow) + 1) % themes.length];
  try { localStorage.setItem("theme", themeNow); } catch { /* It holds until the page is closed. */ }
  theme(themeNow);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

function askToken() {
  if (!$("token-dialog").open) $("token-dialog").showModal();
  $("token-text").focus();
}
function tokenChanged() {
  setText($("token"), hasToken() ? "Token: in use" : "Token");
  view?.onToken?.();
}
$("token").addEventListener("click", askToken);
$("token-close").addEventListener("click", () => $("token-dialog").close());
$("token-forget").addEventListener("click", () => { setToken(null); $("token-text").value = ""; tokenChanged(); $("token-dialog").close(); });
$("token-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  setText($("token-error"), "");
  const text = $("token-text").value.trim();
  if (!/^[\x21-\x7e]+$/.test(text)) { setText($("token-error"), "A token is one word of plain letters, digits and dots."); return; }
  setToken(text);
  try {
    await post("token");
    $("token-text").value = "";
    $("token-dialog").close();
    announce("The token is in use");
    wake();
    await about();
  } catch (problem) {
    setToken(null);
    setText($("token-error"), problem.status === 401 ? "This is not the token, or it has expired." : problem.message);
  }
  tokenChanged();
});

function confirmed(title, words, yes) {
  setText($("confirm-title"), title);
  setText($("confirm-words"), words);
  setText($("confirm-yes"), yes);
  const dialog = $("confirm");
  dialog.showModal();
  return new Promise((resolve) => {
    const end = (answer) => { dialog.close(); resolve(answer); };
    $("confirm-yes").onclick = () => end(true);
    $("confirm-no").onclick = () => end(false);
    dialog.oncancel = () => resolve(false);
  });
}

async function about() {
  try { shell.about = await get("about"); } catch { return; }
  const kind = shell.about.local ? "a local run, which ends with its process" : "a coordinator";
  setText($("about"), `parsimony ${shell.about.version}, ${kind}. ${shell.about.changes ? "Changes need a user's token." : "This page is read-only."}`);
  $("token").hidden = !shell.about.changes;
  view?.onToken?.();
}

$("skip").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });
window.addEventListener("hashchange", () => show(false));
theme(themeNow);
show(true);
about();
follow((now) => { latest = now; view?.onOverview?.(now); }, connection);
window.parsimonyReady = true;
