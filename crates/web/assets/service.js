// The page's own server: data, one stream, changes. The token lives in this module alone, in memory, and leaves it in a
// header.

let token = null;

export const hasToken = () => token != null;
export function setToken(text) { token = text; }

function headers() {
  return token == null ? {} : { Authorization: `Bearer ${token}` };
}

export class ServiceError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function answer(response, read = (body) => body.json()) {
  if (response.ok) return response.status === 204 ? null : read(response);
  let words = `the page's server answers ${response.status}`;
  try { words = (await response.json()).error ?? words; } catch { /* It was no JSON. */ }
  throw new ServiceError(response.status, words);
}

async function call(path, options, read) {
  let response;
  try {
    response = await fetch(path, { cache: "no-store", credentials: "omit", redirect: "error", ...options, headers: headers() });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError(0, "the page's server does not answer");
  }
  return answer(response, read);
}

export const get = (path, signal) => call(`api/${path}`, { signal });
export const post = (path) => call(`api/${path}`, { method: "POST" });

// An image's own request cannot send the header, so this reads a picture, and what its reader should know.
export const picture = (path, signal) => call(`api/${path}`, { signal }, async (response) => ({ svg: await response.blob(), notes: response.headers.get("x-notes") }));

// Follows the stream of overviews for ever. An EventSource cannot send a header, so this reads the stream itself.
export async function follow(onOverview, onState) {
  let wait = 500;
  for (;;) {
    try {
      const response = await fetch("api/stream", { cache: "no-store", credentials: "omit", headers: headers() });
      if (!response.ok) await answer(response);
      onState("live", "");
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let buffer = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        buffer += value;
        let end;
        while ((end = buffer.indexOf("\n\n")) >= 0) {
          const data = buffer.slice(0, end).split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart());
          buffer = buffer.slice(end + 2);
          if (data.length) { onOverview(JSON.parse(data.join("\n"))); wait = 500; }
        }
      }
      onState("lost", "the connection ended");
    } catch (error) {
      onState("lost", error.message, error.status);
      if (error.status === 401) await tokenSet();
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = Math.min(wait * 2, 10000);
  }
}

let waiting = [];
const tokenSet = () => new Promise((resolve) => waiting.push(resolve));
export function wake() {
  const resolves = waiting;
  waiting = [];
  for (const resolve of resolves) resolve();
}
