/* One photo: optimized as often as another preset is tried, and shown beside itself. */

import { sentence } from "./api.js";
import { figures, percent, size, STATES } from "./format.js";
import { optimize } from "./transport.js";

const element = (id) => document.getElementById(id);
const view = () => element("single-view");

let current = null; // { file, original, results: Map of options to result }
let running = null;
let shown = null;

export function isOpen() {
  return current !== null;
}

export function close() {
  running?.abort();
  if (current) {
    URL.revokeObjectURL(current.original);
    for (const result of current.results.values()) URL.revokeObjectURL(result.url);
  }
  current = shown = null;
  element("single").hidden = true;
  view().removeAttribute("before");
  view().removeAttribute("after");
  place(view(), {}, null);
  for (const words of document.querySelectorAll("[data-size]")) words.textContent = "";
}

export async function open(file, options) {
  close();
  current = { file, original: URL.createObjectURL(file), results: new Map() };
  element("single-name").textContent = file.name;
  element("single-message").textContent = "";
  element("single-message").classList.remove("error");
  element("single-download").hidden = true;
  figures(element("single-figures"), [["Original", size(file.size)]]);
  element("single").hidden = false;
  view().setAttribute("label", file.name);
  view().setAttribute("before", current.original);
  view().removeAttribute("after");
  await tryOut(options);
}

/** Show the photo at these options; a result that was made before comes at once. */
export async function tryOut(options) {
  if (!current) return;
  running?.abort();
  const photo = current;
  const key = keyOf(options);
  showSizes(options);
  const known = photo.results.get(key);
  if (known) {
    working(null);
    show(known);
    return;
  }
  const abort = (running = new AbortController());
  let timer = 0;
  try {
    working("Uploading", 0);
    const made = await optimize(photo.file, options, {
      signal: abort.signal,
      onProgress: (part) => {
        if (part < 1) working(`Uploading ${Math.floor(part * 100)}%`, part);
        else if (!timer) timer = countSeconds(abort.signal);
      },
      onWait: (words, seconds) => working(`${words} Next try in ${seconds} s.`),
    });
    const result = { ...made, url: URL.createObjectURL(made.blob) };
    photo.results.set(key, result);
    if (photo !== current || running !== abort) return;
    show(result);
    showSizes(options);
  } catch (error) {
    if (abort.signal.aborted) return;
    fail(error);
  } finally {
    clearInterval(timer);
    if (running === abort) {
      running = null;
      working(null);
    }
  }
}

function keyOf(options) {
  return new URLSearchParams(options).toString();
}

/** Write onto each preset what it made of the photo, as far as that was tried. */
function showSizes(options) {
  for (const place of document.querySelectorAll("[data-size]")) {
    const known = current.results.get(keyOf({ ...options, quality: place.dataset.size }));
    place.textContent = known ? size(known.bytesOut) : "";
  }
}

function countSeconds(signal) {
  const began = performance.now();
  const tell = () => {
    if (signal.aborted) return;
    const seconds = Math.floor((performance.now() - began) / 1000);
    working(`Finding the smallest file that looks the same\u2026 ${seconds ? `${seconds} s` : ""}`);
  };
  tell();
  return setInterval(tell, 1000);
}

/** Show the progress, of unknown length where `part` is left out; null hides it. */
function working(words, part) {
  element("single-working").hidden = words === null;
  if (words === null) return;
  element("single-words").textContent = words;
  const bar = element("single-progress");
  if (part === undefined) bar.removeAttribute("value");
  else bar.value = part;
}

function show(result) {
  const isFirst = shown === null;
  shown = result;
  place(view(), result, result.tile);
  view().setAttribute("after", result.url);
  // Later ones are shown where one is looking.
  if (isFirst) view().showWorst();
  figures(element("single-figures"), rows(result));
  const message = element("single-message");
  message.classList.remove("error");
  message.textContent = result.status === "optimized" ? "" : `${sentence(STATES[result.status])} ${sentence(result.message)}`;
  const download = element("single-download");
  download.hidden = false;
  download.href = result.url;
  download.download = current.file.name;
}

function fail(error) {
  const message = element("single-message");
  message.classList.add("error");
  message.textContent = error.message;
  if (shown === null) element("single-download").hidden = true;
}

/** Tell a viewer where its picture's worst place is. */
export function place(viewer, { width, height, orientation }, tile) {
  const values = { width, height, orientation, "tile-x": tile?.x, "tile-y": tile?.y, "tile-width": tile?.width, "tile-height": tile?.height };
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined || value === null) viewer.removeAttribute(name);
    else viewer.setAttribute(name, value);
  }
}

/** The figures of one result: { bytesIn, bytesOut, score, meaning, tile }. */
export function rows({ bytesIn, bytesOut, score, meaning, tile }) {
  const saved = bytesIn ? 1 - bytesOut / bytesIn : 0;
  const found = [["Original", size(bytesIn)], ["Optimized", size(bytesOut)], ["Saved", percent(saved), null, saved > 0 ? "good" : null]];
  if (score !== null && score !== undefined) found.push(["Score", score.toFixed(1), meaning]);
  if (Number.isFinite(tile?.score)) found.push(["Worst spot", tile.score.toFixed(1)]);
  return found;
}
