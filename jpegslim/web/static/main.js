/* The page: what is dropped goes to the single photo's view or to the batch. */

import { json, onUnauthorized, Refusal } from "./api.js";
import * as batch from "./batch.js";
import { count, duration, size } from "./format.js";
import { fromDrop, fromInput } from "./gather.js";
import * as single from "./single.js";
import { findService } from "./transport.js";

const element = (id) => document.getElementById(id);
let service = null;
let asking = null;

function options() {
  const form = new FormData(element("options"));
  return { quality: form.get("quality"), metadata: form.get("metadata"), baseline: form.has("baseline") };
}

function notice(words, { bad = false } = {}) {
  const place = element("notice");
  place.hidden = !words;
  place.textContent = words ?? "";
  place.classList.toggle("bad", bad);
}

/** Run what a user asked for; what goes wrong becomes words on the page. */
async function attempt(action) {
  try {
    await action();
  } catch (error) {
    notice(error instanceof Refusal ? error.message : `This page met a bug: ${error.message}`, { bad: true });
    if (!(error instanceof Refusal)) throw error;
  }
}

function arrange() {
  const busy = single.isOpen() || batch.isOpen();
  element("start").hidden = busy;
  element("dropzone").classList.toggle("small", busy);
  element("options").hidden = batch.isOpen();
}

async function take({ photos, others }) {
  notice(null);
  if (!service) await begin();
  if (!photos.length) {
    notice(others ? "There is no JPEG among these files." : "There are no files in there.", { bad: true });
    return;
  }
  if (photos.length > service.files) {
    notice(`These are ${count(photos.length, "photo")}; the service takes ${service.files} at once. The command line takes any number.`, { bad: true });
    return;
  }
  if (photos.length === 1 && !batch.isOpen()) {
    const opened = single.open(photos[0].file, options());
    arrange();
    element("single").scrollIntoView({ block: "nearest" });
    await opened;
    return;
  }
  single.close();
  await batch.add(photos, options(), service);
  arrange();
  if (others) notice(`${count(others, "file")} left out (not JPEG by name).`);
}

function start() {
  single.close();
  batch.close();
  notice(null);
  arrange();
  if (location.hash) history.pushState(null, "", "/");
  element("choose").focus();
}

function keeping() {
  if (service.endpoint) return `Photos and results are deleted within ${duration(service.keep_seconds)}.`;
  const here = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  return here ? "Your photos stay on this computer." : `Photos are deleted ${duration(service.keep_seconds)} after you are done.`;
}

/** Show what the address says: a job, or the beginning. */
async function follow() {
  // Without a service nothing remembers a job.
  const id = service.endpoint ? null : new URLSearchParams(location.hash.slice(1)).get("job");
  single.close();
  batch.close();
  if (id) {
    try {
      const lost = await batch.resume(id, service);
      if (lost) notice(`${count(lost, "photo")} had not been uploaded before the reload. Drop the same photos again: those that are here already are left alone.`);
    } catch (error) {
      if (error.status !== 404) throw error;
      notice(`This job is gone: photos are deleted ${duration(service.keep_seconds)} after the last change.`, { bad: true });
      history.replaceState(null, "", "/");
    }
  }
  arrange();
}

function askForToken() {
  asking ??= new Promise((resolve) => {
    const dialog = element("login");
    const form = element("login-form");
    dialog.oncancel = (event) => event.preventDefault();
    form.onsubmit = async (event) => {
      event.preventDefault();
      try {
        await json("/v1/session", { method: "PUT", headers: { Authorization: `Bearer ${element("login-token").value.trim()}` } });
      } catch (error) {
        element("login-error").textContent = error.status === 401 ? "That is not the token." : error.message;
        element("login-token").select();
        return;
      }
      element("login-token").value = element("login-error").textContent = "";
      dialog.close();
      asking = null;
      resolve();
    };
    dialog.showModal();
  });
  return asking;
}

function wire() {
  element("choose").onclick = () => element("files").click();
  element("choose-folder").onclick = () => element("folder").click();
  element("single-again").onclick = start;
  element("home").onclick = (event) => { event.preventDefault(); start(); };
  for (const input of [element("files"), element("folder")]) {
    input.onchange = () => attempt(async () => {
      const chosen = fromInput(input.files);
      input.value = "";
      await take(chosen);
    });
  }
  // A phone has no folders to choose.
  if (!("webkitdirectory" in element("folder")) || matchMedia("(pointer: coarse) and (max-width: 46rem)").matches) element("choose-folder").hidden = true;
  element("options").onchange = () => single.isOpen() && attempt(() => single.tryOut(options()));
  element("options").onsubmit = (event) => event.preventDefault();

  const zone = element("dropzone");
  let depth = 0;
  const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const over = (change) => zone.classList.toggle("over", (depth = Math.max(0, depth + change)) > 0);
  document.addEventListener("dragenter", (event) => carriesFiles(event) && over(1));
  document.addEventListener("dragleave", (event) => carriesFiles(event) && over(-1));
  document.addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    over(-depth);
    attempt(async () => take(await fromDrop(event.dataTransfer)));
  });
  document.addEventListener("paste", (event) => {
    const files = event.clipboardData?.files ?? [];
    if (files.length) attempt(() => take(fromInput(files)));
  });

  element("batch-filters").onclick = (event) => event.target.dataset.filter && batch.choose(event.target.dataset.filter);
  element("batch-delete").onclick = () => attempt(async () => {
    if (!confirm("Delete these photos and results from the service now?")) return;
    await batch.remove();
    start();
  });
  element("look-close").onclick = () => element("look").close();
  element("look-previous").onclick = () => batch.lookFurther(-1);
  element("look-next").onclick = () => batch.lookFurther(1);
  window.addEventListener("beforeunload", (event) => batch.isUploading() && event.preventDefault());
  window.addEventListener("popstate", () => attempt(follow));
  onUnauthorized(askForToken);
}

async function begin() {
  service = await findService();
  element("files").multiple = service.files > 1;
  element("limit").textContent = `up to ${size(service.file_bytes).replace(".0 ", " ")}${service.files > 1 ? " each" : ""}`;
  element("version").textContent = `jpegslim ${service.version}`;
  element("keeping").textContent = keeping();
  await follow();
  document.documentElement.dataset.ready = "";
}

wire();
attempt(begin);
