/* Which way a photo goes: through the service that sent this page, or, where the page was put into
 * a bucket and names its config.json, through that bucket.
 *
 * Either way gives { blob, status, message, meaning, bytesIn, bytesOut, score, tile, orientation }.
 */

import { json, upload } from "./api.js";
import { throughBucket } from "./bucket.js";

let way = throughService;

/** Return what the page's other side is and takes. */
export async function findService() {
  const { config } = document.documentElement.dataset;
  if (!config) return json("/v1/service");
  const found = await json(config);
  way = throughBucket(found);
  return found;
}

export function optimize(file, options, hooks) {
  return way(file, options, hooks);
}

async function throughService(file, options, hooks) {
  const { blob, header } = await upload(`/v1/optimize?${new URLSearchParams(options)}`, file, hooks);
  const number = (name) => (header(`Jpegslim-${name}`) === null ? null : Number(header(`Jpegslim-${name}`)));
  const tile = Object.fromEntries(
    [...(header("Jpegslim-Worst-Tile") ?? "").matchAll(/(\w+)=([-\d.]+)/g)].map(([, key, value]) => [key, Number(value)]),
  );
  return {
    blob,
    status: header("Jpegslim-Status"),
    message: header("Jpegslim-Message"),
    meaning: header("Jpegslim-Meaning"),
    bytesIn: number("Bytes-In"),
    bytesOut: number("Bytes-Out"),
    score: number("Score"),
    width: number("Width"),
    height: number("Height"),
    orientation: number("Orientation"),
    tile,
  };
}
