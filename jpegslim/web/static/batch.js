/* Many photos: uploaded a few at a time, followed by server-sent events, fetched as one zip. */

import { json, sentence, upload } from "./api.js";
import { count, duration, figures, percent, size, STATES } from "./format.js";
import { place, rows as resultRows } from "./single.js";

const UPLOADS = 3;
const FINAL = new Set(["optimized", "lossless", "kept", "skipped", "failed"]);
const element = (id) => document.getElementById(id);

let job = null; // { id, entries: Map of path to entry, queue, keep, abort, news, expires }
let looking = null;
let filter = "all";
let drawing = 0;

export function isOpen() {
  return job !== null;
}

export function isUploading() {
  return job !== null && [...job.entries.values()].some((entry) => entry.state === "queued" || entry.state === "uploading");
}

/** Begin a job, or add to the open one. */
export async function add(photos, options, service) {
  // A job that is over takes nothing more.
  if (job?.gone) close();
  if (!job) {
    const made = await json("/v1/jobs", { method: "POST", body: options });
    begin(made, service);
    history.pushState(null, "", `#job=${made.id}`);
  }
  for (const { file, path } of photos) {
    const name = pathOf(file, path);
    const known = job.entries.get(name);
    if (known && known.state !== "failed") continue;
    const entry = entryOf(name);
    Object.assign(entry, { file, state: "queued", message: "", part: 0, bytes_in: file.size, modified: file.lastModified });
    job.queue.push(entry);
    draw(entry);
  }
  remember();
  drawTotals();
  for (let number = 0; number < UPLOADS; number += 1) pump(job);
}

/** Take up a job after a reload. */
export async function resume(id, service) {
  const found = await json(`/v1/jobs/${encodeURIComponent(id)}`);
  begin(found, service);
  for (const file of found.files) receive(file);
  const lost = JSON.parse(sessionStorage.getItem(storageName()) ?? "[]").filter((path) => !job.entries.has(path));
  remember();
  drawTotals();
  return lost.length;
}

export function close() {
  if (!job) return;
  job.abort.abort();
  job.news.close();
  job = null;
  element("batch").hidden = true;
  element("batch-list").replaceChildren();
  element("look").close();
}

function begin(made, service) {
  job = { id: made.id, entries: new Map(), queue: [], pumps: 0, abort: new AbortController(), keep: service.keep_seconds, gone: null };
  element("batch").hidden = false;
  element("batch-list").replaceChildren();
  element("batch-zip").href = `/v1/jobs/${job.id}/zip`;
  choose("all");
  const mine = job;
  const news = (job.news = new EventSource(`/v1/jobs/${job.id}/events`));
  news.addEventListener("file", (event) => mine === job && receive(JSON.parse(event.data)));
  news.addEventListener("totals", () => mine === job && drawTotals());
  news.addEventListener("gone", (event) => {
    news.close();
    if (mine === job) lose(JSON.parse(event.data).reason);
  });
  news.onerror = () => mine === job && news.readyState === EventSource.CLOSED && lose("gone");
}

function lose(reason) {
  job.gone = { expired: "Its time is over: the photos were deleted.", deleted: "The photos were deleted.", stopping: "The service was stopped." }[reason]
    ?? "The service no longer has this job.";
  job.abort.abort();
  drawTotals();
}

/** Upload what is queued, one file after another. */
async function pump(mine) {
  if (mine.pumps >= UPLOADS) return;
  mine.pumps += 1;
  for (let entry; !mine.abort.signal.aborted && (entry = mine.queue.shift()); ) {
    entry.state = "uploading";
    draw(entry);
    try {
      const answer = await upload(`/v1/jobs/${mine.id}/files?path=${encodeURIComponent(entry.path)}`, entry.file, {
        signal: mine.abort.signal,
        onProgress: (part) => { entry.part = part; draw(entry); },
        onWait: (words) => { entry.note = words; draw(entry); },
      });
      entry.note = "";
      receive(JSON.parse(await answer.blob.text()), mine);
    } catch (error) {
      if (mine.abort.signal.aborted) break;
      Object.assign(entry, { state: "failed", message: error.message, note: "" });
      draw(entry);
    }
    entry.file = null;
    if (mine === job) {
      remember();
      drawTotals();
    }
  }
  mine.pumps -= 1;
}

/** Return the path a file has in the job, as the service will call it: one of its own where another file has its name. */
function pathOf(file, path) {
  const plain = path.replace(/[\\:*?"<>|]/g, "_");
  const dot = plain.lastIndexOf(".");
  const cut = dot > plain.lastIndexOf("/") + 1 ? dot : plain.length;
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? plain : `${plain.slice(0, cut)} (${number})${plain.slice(cut)}`;
    const known = job.entries.get(name);
    // Of a file from before a reload only the size is known; of one that was refused nothing is kept.
    const refused = known?.state === "failed" && (!known.id || known.bytes_in === null);
    const same = known?.bytes_in === file.size && (known.modified ?? file.lastModified) === file.lastModified;
    if (!known || refused || same) return name;
  }
}

function entryOf(path) {
  let entry = job.entries.get(path);
  if (!entry) {
    entry = { path, state: "queued", part: 0, version: 0, row: makeRow(path) };
    job.entries.set(path, entry);
    element("batch-list").append(entry.row.item);
  }
  return entry;
}

/** Take what the service says of a file. */
function receive(file, mine = job) {
  if (mine !== job) return;
  const entry = entryOf(file.path);
  // The answer to an upload may come after the news that it is done.
  if (FINAL.has(entry.state) && !FINAL.has(file.state) && entry.id === file.id) return;
  Object.assign(entry, file);
  draw(entry);
}

function makeRow(path) {
  const make = (name, className) => Object.assign(document.createElement(name), { className });
  const row = {
    item: make("li", "row"), name: make("button", "row-name"), state: make("span", "row-state"),
    size: make("span", "row-size"), saved: make("span", "row-saved"), score: make("span", "row-score"),
    message: make("p", "row-message"),
  };
  row.name.type = "button";
  const cut = path.lastIndexOf("/") + 1;
  const folder = make("span", "");
  folder.textContent = path.slice(0, cut);
  row.name.append(folder, path.slice(cut));
  row.name.title = path;
  row.name.setAttribute("aria-label", path);
  row.name.addEventListener("click", () => look(path));
  row.item.append(row.name, row.state, row.size, row.saved, row.score, row.message);
  return row;
}

function draw(entry) {
  const { row, state } = entry;
  const done = FINAL.has(state) && state !== "failed";
  row.item.dataset.state = state;
  row.item.hidden = filter === "failed" && state !== "failed";
  row.name.disabled = !done;
  row.state.textContent = state === "uploading" && entry.part > 0 ? `uploading ${Math.floor(entry.part * 100)}%` : (STATES[state] ?? state);
  row.size.textContent = !entry.bytes_in ? "" : done ? `${size(entry.bytes_in)} \u2192 ${size(entry.bytes_out)}` : size(entry.bytes_in);
  const saved = done ? 1 - entry.bytes_out / entry.bytes_in : 0;
  row.saved.textContent = saved > 0 ? `\u2212${percent(saved)}` : "";
  row.score.textContent = done && entry.score !== null ? entry.score.toFixed(1) : "";
  row.message.textContent = state === "failed" ? sentence(entry.message ?? "") : (entry.note ?? "");
  row.message.hidden = row.message.textContent === "";
}

/** Redraw the totals soon; many changes make one drawing. */
function drawTotals() {
  if (!drawing) drawing = requestAnimationFrame(() => { drawing = 0; if (job) showTotals(); });
}

function showTotals() {
  const entries = [...job.entries.values()];
  const of = (...states) => entries.filter((entry) => states.includes(entry.state)).length;
  const done = entries.filter((entry) => FINAL.has(entry.state));
  const good = done.filter((entry) => entry.state !== "failed");
  const sum = (name) => good.reduce((total, entry) => total + (entry[name] ?? 0), 0);
  const [before, after, failed] = [sum("bytes_in"), sum("bytes_out"), done.length - good.length];
  const finished = entries.length > 0 && done.length === entries.length;
  element("batch-title").textContent = finished ? `${count(entries.length, "photo")} done` : `${done.length} of ${count(entries.length, "photo")} done`;
  element("batch-progress").value = entries.length ? done.length / entries.length : 0;
  const parts = [
    [of("queued", "uploading"), "uploading"], [of("waiting"), "waiting"], [of("working"), "being worked on"],
  ].filter(([number]) => number).map(([number, words]) => `${number} ${words}`);
  element("batch-words").textContent = job.gone
    ?? (finished ? `Kept here for ${duration(job.keep)} after the last change, then deleted.` : parts.join(", "));
  const lowest = Math.min(...good.map((entry) => entry.score ?? Infinity));
  const shown = [["Original", size(before)], ["Optimized", size(after)], ["Saved", percent(before ? 1 - after / before : 0), size(Math.max(0, before - after)), "good"]];
  if (Number.isFinite(lowest)) shown.push(["Lowest score", lowest.toFixed(1)]);
  if (failed) shown.push(["Failed", String(failed), null, "bad"]);
  figures(element("batch-figures"), good.length || failed ? shown : []);
  element("batch-zip").hidden = !finished || job.gone !== null;
  element("batch-delete").hidden = job.gone !== null;
  element("batch-filters").querySelector('[data-filter="failed"]').textContent = failed ? `Failed (${failed})` : "Failed";
  element("batch-empty").hidden = filter !== "failed" || failed > 0;
}

export function choose(which) {
  filter = which;
  for (const chip of element("batch-filters").children) chip.setAttribute("aria-pressed", String(chip.dataset.filter === which));
  if (!job) return;
  for (const entry of job.entries.values()) draw(entry);
  drawTotals();
}

export async function remove() {
  await json(`/v1/jobs/${job.id}`, { method: "DELETE" });
  sessionStorage.removeItem(storageName());
}

/** Open the viewer on one photo. */
function look(path) {
  const entry = job.entries.get(path);
  const view = element("look-view");
  const base = `/v1/jobs/${job.id}/files/${entry.id}`;
  looking = path;
  element("look-name").textContent = element("look-name").title = path;
  view.setAttribute("label", path);
  place(view, entry, entry.worst_tile);
  view.setAttribute("before", `${base}?version=original`);
  view.setAttribute("after", base);
  const tile = entry.worst_tile;
  const shown = resultRows({ bytesIn: entry.bytes_in, bytesOut: entry.bytes_out, score: entry.score, meaning: entry.meaning, tile });
  if (entry.state !== "optimized") shown.push(["Outcome", STATES[entry.state], entry.message]);
  figures(element("look-figures"), shown);
  element("look-download").href = base;
  element("look-download").download = path.slice(path.lastIndexOf("/") + 1);
  const [previous, next] = neighbours();
  element("look-previous").disabled = !previous;
  element("look-next").disabled = !next;
  if (!element("look").open) element("look").showModal();
}

export function lookFurther(direction) {
  const path = neighbours()[direction < 0 ? 0 : 1];
  if (path) look(path);
}

function neighbours() {
  const paths = [...job.entries.values()].filter((entry) => FINAL.has(entry.state) && entry.state !== "failed").map((entry) => entry.path);
  const at = paths.indexOf(looking);
  return [paths[at - 1], paths[at + 1]];
}

// After a reload the page can't read the files again; it can say which ones are missing.
function remember() {
  const missing = [...job.entries.values()].filter((entry) => !entry.id && entry.state !== "failed").map((entry) => entry.path);
  try {
    sessionStorage.setItem(storageName(), JSON.stringify(missing));
  } catch {
    // No room or no permission: after a reload the missing photos are then not told.
  }
}

function storageName() {
  return `jpegslim:${job.id}`;
}
