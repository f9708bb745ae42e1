/* What was dropped or chosen, as a list of { file, path }: folders are walked, JPEGs are taken. */

const JPEG = /\.(jpe?g|jpe|jfif)$/i;

export function fromInput(list) {
  return sort([...list].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
}

export async function fromDrop(transfer) {
  // The entries must be taken before anything is awaited: the transfer is emptied then.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return fromInput(transfer.files);
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return sort(found);
}

/** Take the photos apart from the rest; a single file is taken whatever its name. */
function sort(found) {
  const shown = found.filter(({ path }) => !path.split("/").some((part) => part.startsWith(".")));
  if (shown.length === 1) return { photos: shown, others: 0 };
  const photos = shown.filter(({ path }) => JPEG.test(path));
  return { photos, others: shown.length - photos.length };
}

async function walk(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    found.push({ file, path: entry.fullPath.replace(/^\//, "") });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    // A reader gives at most a hundred entries at a time.
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    for (const inner of some) await walk(inner, found);
  }
}
