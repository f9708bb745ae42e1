/* A photo through a bucket: a ticket from the function, the upload, its state, the result. */

import { json, pause, Refusal, sentence, upload } from "./api.js";
import { size } from "./format.js";

const FIRST_LOOKS = 20;
const LOOK_MS = 700;
const LATER_LOOK_MS = 2500;
const PATIENCE_MS = 4 * 60 * 1000;
// Each costs a pause; what was uploaded is not given up for a gap in the network.
const MISSES = 8;
const MISS_MS = 2000;

/** Return the way through the bucket that a config.json describes: { endpoint, file_bytes }. */
export function throughBucket({ endpoint, file_bytes: largest }) {
  return async (file, options, hooks) => {
    await check(file, largest);
    const { signal } = hooks;
    const ticket = await ask(endpoint, { size: file.size, ...options }, signal);
    await send(ticket.upload, file, hooks);
    const state = await watch(ticket.state, signal);
    if (state.state === "failed") throw new Refusal(sentence(state.message), { reason: state.reason });
    const blob = await persist(() => fetchResult(ticket.result, signal), signal);
    if (blob.size !== state.bytes_out) throw new Refusal("The result arrived incomplete. Try once more.");
    return {
      blob,
      status: state.state,
      message: state.message,
      meaning: state.meaning,
      bytesIn: state.bytes_in,
      bytesOut: state.bytes_out,
      score: state.score,
      orientation: state.orientation,
      tile: state.worst_tile,
    };
  };
}

/** Refuse here what would be refused there, before anything is sent. */
async function check(file, largest) {
  if (file.size > largest) throw new Refusal(`This photo has ${size(file.size)}: this page takes up to ${size(largest)}.`, { reason: "too_large" });
  const first = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  if (first[0] !== 0xff || first[1] !== 0xd8) throw new Refusal("This is not a JPEG.", { reason: "not_a_jpeg" });
}

/** Ask for a ticket. */
async function ask(endpoint, body, signal) {
  try {
    return await json(`${endpoint}/v1/photos`, { method: "POST", body, signal });
  } catch (error) {
    // An API that turns a crowd away says so without the header that would let the page read it.
    if (isMiss(error) || (error.status === 429 && error.reason === "")) throw new Refusal("The service can't be reached, or too many ask at this moment. Try again in a minute.", { reason: "unreachable" });
    throw error;
  }
}

/** No answer, or one of a server that is out of order for a moment. */
function isMiss(error) {
  return error instanceof Refusal && (error.status === 0 || error.status >= 500) && error.reason === "";
}

/** Try again what got no answer. */
async function persist(attempt, signal) {
  for (let misses = 1; ; misses += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!isMiss(error)) throw error;
      if (misses > MISSES) throw new Refusal("The connection broke off while the photo was worked on. Try once more.", { reason: "unreachable" });
      await pause(MISS_MS, signal);
    }
  }
}

async function send({ url, headers }, file, hooks) {
  try {
    await upload(url, file, { ...hooks, headers });
  } catch (error) {
    // Each ticket is good for one upload: it had arrived, though the answer was lost.
    if (error.status === 412) return;
    if (error.status === 403) throw new Refusal("The upload was refused, as it began too late. Try once more.", error);
    throw error;
  }
}

async function watch(address, signal) {
  const began = performance.now();
  for (let look = 1; performance.now() - began < PATIENCE_MS; look += 1) {
    const state = await persist(() => json(address, { signal }), signal);
    if (state.state !== "waiting") return state;
    await pause(look < FIRST_LOOKS ? LOOK_MS : LATER_LOOK_MS, signal);
  }
  throw new Refusal("The work takes longer than it ever should. Try again later.", { reason: "late" });
}

async function fetchResult(address, signal) {
  let response;
  try {
    response = await fetch(address, { signal });
    if (response.ok) return await response.blob();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refusal("The connection broke off while the result arrived. Try once more.");
  }
  if (response.status >= 500) throw new Refusal("The result can't be fetched now. Try once more.", { status: response.status });
  throw new Refusal("The result can't be fetched any more: results are deleted after a while.", { status: response.status });
}
