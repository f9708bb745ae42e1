/* Numbers and states as a person reads them, in the same words as the command line. */

const UNITS = ["kB", "MB", "GB", "TB"];

export function size(bytes) {
  if (bytes < 1000) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  let power = 1;
  while (power < UNITS.length && bytes / 1000 ** power >= 999.95) power += 1;
  return `${(bytes / 1000 ** power).toFixed(1)} ${UNITS[power - 1]}`;
}

export function percent(fraction) {
  return `${(100 * fraction).toFixed(1)}%`;
}

export function count(number, noun) {
  return number === 1 ? `1 ${noun}` : `${number} ${noun}s`;
}

export function duration(seconds) {
  if (seconds < 90) return count(Math.round(seconds), "second");
  if (seconds < 3600) return count(Math.round(seconds / 60), "minute");
  return count(Math.round(seconds / 3600), "hour");
}

export const STATES = {
  queued: "to be uploaded",
  uploading: "uploading",
  waiting: "waiting",
  working: "working",
  optimized: "optimized",
  lossless: "packed better",
  kept: "kept as it is",
  skipped: "left alone",
  failed: "failed",
};

/** Fill a <dl> with [term, value, detail, kind] rows. */
export function figures(list, rows) {
  list.replaceChildren(
    ...rows.map(([term, value, detail, kind]) => {
      const group = document.createElement("div");
      const name = document.createElement("dt");
      const shown = document.createElement("dd");
      name.textContent = term;
      shown.textContent = value;
      if (kind) shown.className = kind;
      if (detail) {
        const words = document.createElement("small");
        words.textContent = detail;
        shown.append(words);
      }
      group.append(name, shown);
      return group;
    }),
  );
}
