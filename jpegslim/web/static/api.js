/* Asking the service: refusals become Refusal with the service's own words. */

const TRIES = 4;
const LONGEST_WAIT = 60;

export class Refusal extends Error {
  constructor(message, { status = 0, reason = "", retryAfter = 0 } = {}) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.retryAfter = retryAfter;
  }
}

let askForToken = async () => {};

/** Set what is called, and awaited, where the service wants a token. */
export function onUnauthorized(ask) {
  askForToken = ask;
}

export async function json(path, { method = "GET", body, headers = {}, signal } = {}) {
  for (;;) {
    let response;
    try {
      response = await fetch(path, {
        method,
        headers: body === undefined ? headers : { ...headers, "Content-Type": "application/json" },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal,
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new Refusal("The service can't be reached. Is it still running?");
    }
    if (response.ok) return response.status === 204 ? null : response.json();
    const refusal = problem(response.status, await response.text(), response.headers.get("Retry-After"));
    if (response.status !== 401 || path === "/v1/session") throw refusal;
    await askForToken();
  }
}

/**
 * Upload a file; resolve to { blob, header } of the answer. A full queue is waited for and a broken
 * connection tried again: the same bytes under the same name change nothing.
 */
export async function upload(path, file, { onProgress = () => {}, onWait = () => {}, signal, headers } = {}) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await put(path, file, onProgress, signal, headers);
    } catch (refusal) {
      if (signal?.aborted || !(refusal instanceof Refusal)) throw refusal;
      if (refusal.status === 401) await askForToken();
      else if (refusal.status === 429 && refusal.reason !== "too_many_batches") {
        attempt -= 1;
        const seconds = Math.min(refusal.retryAfter || 5, LONGEST_WAIT);
        onWait(refusal.message, seconds);
        await pause(seconds * 1000, signal);
      } else if (refusal.status === 0 && attempt < TRIES) await pause(500 * 2 ** attempt, signal);
      else throw refusal;
    }
  }
}

// fetch() does not tell how much of a body has been sent.
function put(path, file, onProgress, signal, headers = { "Content-Type": "application/octet-stream" }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", path);
    request.responseType = "blob";
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onProgress(event.total ? event.loaded / event.total : 0);
    request.upload.onload = () => onProgress(1);
    request.onerror = () => reject(new Refusal("The connection to the service broke off."));
    request.onabort = () => reject(new DOMException("aborted", "AbortError"));
    request.onload = async () => {
      if (request.status < 300) {
        resolve({ blob: request.response, header: (name) => request.getResponseHeader(name) });
        return;
      }
      const text = await request.response.text();
      // A bucket, which never sends it, does not let the page look for it.
      const retryAfter = request.status === 429 ? request.getResponseHeader("Retry-After") : null;
      reject(problem(request.status, text, retryAfter));
    };
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    if (signal?.aborted) request.abort();
    else request.send(file);
  });
}

function problem(status, text, retryAfter) {
  let body = {};
  try {
    body = JSON.parse(text);
  } catch {
    // Not the service's own words: something between it and here answered.
  }
  const words = body.detail ?? `the service answered with status ${status}`;
  return new Refusal(sentence(words), { status, reason: body.reason, retryAfter: Number(retryAfter) });
}

export function sentence(words) {
  const text = words.trim();
  return text && text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("aborted", "AbortError"));
    }, { once: true });
  });
}
