/* The report page. Its data stand in the document: #data-run (how it was started), #data-rows (one
 * JSON array a line, in the order of run.fields), #data-totals and #data-gallery (missing where the
 * run was cut off), and #data-before-… and #data-after-… for each picture, base64. Nothing is fetched; every text is set as text.
 */
(() => {
  "use strict";

  const PAGE = 100;
  const OUTCOMES = ["optimized", "lossless", "kept", "skipped", "failed"];
  const NUMBER = new Intl.NumberFormat("en");
  const SVG = "http://www.w3.org/2000/svg";

  const at = (id) => document.getElementById(id);
  const json = (id) => {
    try {
      return JSON.parse(at(id).textContent);
    } catch {
      return null;
    }
  };

  const make = (name, properties = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (value === null || value === undefined) continue;
      if (key.includes("-") || key === "role") element.setAttribute(key, value);
      else element[key] = value;
    }
    element.append(...children.filter((child) => child !== null));
    return element;
  };

  const draw = (name, attributes, text = null) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== null) element.textContent = text;
    return element;
  };

  const size = (bytes) => {
    if (bytes < 0) return `-${size(-bytes)}`;
    if (bytes < 1000) return `${bytes} ${bytes === 1 ? "byte" : "bytes"}`;
    const units = ["kB", "MB", "GB", "TB", "PB"];
    let power = 1;
    while (power < units.length && bytes / 1000 ** power >= 999.95) power += 1;
    return `${(bytes / 1000 ** power).toFixed(1)} ${units[power - 1]}`;
  };
  const percent = (fraction) => `${(100 * fraction).toFixed(1)}%`;
  const points = (score) => (score === null ? "" : score.toFixed(2));
  const count = (number, noun) => `${NUMBER.format(number)} ${noun}${number === 1 ? "" : "s"}`;
  const duration = (seconds) => {
    if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
    const whole = Math.round(seconds);
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
    return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
  };

  /* Rows */

  const read = (fields) => {
    const rows = [];
    for (const line of at("data-rows").textContent.split("\n")) {
      if (!line) continue;
      let values;
      try {
        values = JSON.parse(line);
      } catch {
        continue; // the last line of a run that was killed
      }
      const row = { number: rows.length };
      fields.forEach((field, place) => { row[field] = values[place] ?? null; });
      const cut = Math.max(row.name.lastIndexOf("/"), row.name.lastIndexOf("\\")) + 1;
      row.folder = row.name.slice(0, cut);
      row.file = row.name.slice(cut);
      // What an earlier run saved is not saved again.
      row.saved = row.status === "skipped" ? 0 : row.in - row.out;
      row.part = row.in ? row.saved / row.in : 0;
      row.worst = row.tile ? row.tile[4] : null;
      row.text = `${row.name}\n${row.why ?? ""}`.toLowerCase();
      rows.push(row);
    }
    return rows;
  };

  /* The headline */

  const headline = (run, totals, rows, show) => {
    const sum = totals ?? {
      files: rows.length,
      failed: rows.filter((row) => row.status === "failed").length,
      bytes_in: rows.reduce((all, row) => all + row.in, 0),
      bytes_out: rows.reduce((all, row) => all + row.in - row.saved, 0),
      seconds: null, megapixels: null, interrupted: false, stopped: null, cut_short: null,
    };
    const saved = sum.bytes_in - sum.bytes_out;
    const part = sum.bytes_in ? saved / sum.bytes_in : 0;
    const could = run.dry_run ? "Would save" : "Saved";
    at("headline").textContent = sum.files === 0 ? "No photos"
      : saved > 0 ? `${could} ${size(saved).replace(" ", "\u00a0")}, ${percent(part)}` : "Nothing to save";
    const where = run.dry_run ? "dry run, nothing written" : run.output ? `into ${run.output}` : "in place";
    at("subline").textContent =
      `${size(sum.bytes_in)} → ${size(sum.bytes_out)} in ${count(sum.files, "file")}, ${where}`;
    if (sum.bytes_in) {
      const bar = at("shrink");
      bar.hidden = false;
      bar.firstElementChild.style.inlineSize = percent(1 - part);
      bar.setAttribute("aria-label", `${percent(1 - part)} of the bytes are left`);
    }
    const alerts = [];
    if (totals === null) alerts.push(["bad", "The run that wrote this page did not end: what follows is what it had done."]);
    if (sum.stopped) alerts.push(["bad", `Stopped: ${sum.stopped}`]);
    if (sum.interrupted) alerts.push(["bad", "Interrupted: the rest is untouched."]);
    if (sum.cut_short) alerts.push(["", `Not finished: ${sum.cut_short}`]);
    if (sum.failed) alerts.push(["bad", `${count(sum.failed, "file")} failed.`, show.failed]);
    if (sum.metadata_left) {
      alerts.push(["bad", `Metadata was not dropped from ${count(sum.metadata_left, "file")}.`, show.left]);
    }
    for (const [note, files] of Object.entries(sum.notes ?? {})) alerts.push(["plain-note", `${count(files, "file")}: ${note}.`]);
    for (const note of run.notes) alerts.push(["", note]);
    if (totals?.left_out) {
      alerts.push(["", `${count(totals.left_out, "file")} counted above ${totals.left_out === 1 ? "is" : "are"} not in the table: ${totals.left_out_why}.`]);
    }
    at("alerts").hidden = alerts.length === 0;
    at("alerts").append(...alerts.map(([className, text, action]) => {
      const button = action ? make("button", { type: "button", className: "plain", textContent: "Show them" }) : null;
      button?.addEventListener("click", action);
      return make("li", { className }, `${text} `, button);
    }));

    const facts = [["Target", run.aim]];
    if (sum.lowest) facts.push(["Lowest score", points(sum.lowest.score)]);
    const worst = rows.reduce((low, row) => (row.worst !== null && row.worst < low ? row.worst : low), Infinity);
    if (worst < Infinity) facts.push(["Worst tile", points(worst)]);
    if (sum.metadata_dropped) facts.push(["Of it metadata, as asked", size(sum.metadata_dropped)]);
    if (sum.gain_map?.files) facts.push(["HDR gain maps kept", `${NUMBER.format(sum.gain_map.files)}, ${size(sum.gain_map.bytes)}`]);
    if (sum.seconds) facts.push(["Time", duration(sum.seconds)]);
    if (sum.seconds && sum.megapixels) facts.push(["Speed", `${(sum.megapixels / sum.seconds).toFixed(1)} MP/s`]);
    const began = run.began === null ? null : new Date(run.began * 1000);
    if (began) facts.push(["Started", began.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" })]);
    if (run.backup) facts.push(["Originals in", run.backup]);
    at("facts").append(...facts.map(([term, value]) =>
      make("div", { className: Math.max(value.length, term.length) > 14 ? "long" : "" },
        make("dt", { textContent: term }), make("dd", { textContent: value }))));
    document.title = `${at("headline").textContent} - jpegslim report`;
    at("made").textContent = `jpegslim ${run.version}`;
    at("meanings").append(...run.meanings.map(([score, words]) =>
      make("tr", {}, make("th", { scope: "row", textContent: score }), make("td", { textContent: words }))));
  };

  /* Charts */

  const quantile = (sorted, fraction) => sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))];

  const histogram = ({ values, low, high, step, barClass, label, mark }) => {
    const bins = new Array(Math.max(1, Math.round((high - low) / step))).fill(0);
    for (const value of values) {
      bins[Math.min(bins.length - 1, Math.max(0, Math.floor((value - low) / step + 1e-9)))] += 1;
    }
    const width = 480;
    const height = 150;
    const base = height - 22;
    const tallest = Math.max(...bins);
    const wide = width / bins.length;
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
    bins.forEach((number, place) => {
      if (!number) return;
      // A bar of one file among thousands is still seen.
      const tall = Math.max(2, (number / tallest) * (base - 18));
      const bar = draw("rect", {
        class: barClass, x: place * wide + 1, y: base - tall, width: Math.max(1, wide - 2), height: tall, rx: 2,
      });
      const from = label(low + place * step);
      bar.append(draw("title", {}, `${from} to ${label(low + (place + 1) * step)}: ${count(number, "file")}`));
      svg.append(bar);
      if (place === bins.indexOf(tallest)) {
        svg.append(draw("text", { class: "count", x: place * wide + wide / 2, y: base - tall - 5, "text-anchor": "middle" }, NUMBER.format(number)));
      }
    });
    svg.append(draw("line", { class: "ground", x1: 0, x2: width, y1: base + 0.5, y2: base + 0.5 }));
    const every = Math.ceil(bins.length / 6);
    for (let place = 0; place <= bins.length; place += every) {
      const anchor = place === 0 ? "start" : place === bins.length ? "end" : "middle";
      svg.append(draw("text", { x: place * wide, y: height - 5, "text-anchor": anchor }, label(low + place * step)));
    }
    if (mark !== null && mark >= low && mark <= high) {
      const x = ((mark - low) / (high - low)) * width;
      svg.append(draw("line", { class: "mark", x1: x, x2: x, y1: 2, y2: base }));
    }
    return svg;
  };

  const charts = (run, rows) => {
    const figures = [];
    const done = rows.filter((row) => ["optimized", "lossless", "kept"].includes(row.status));
    if (done.length > 1) {
      const parts = done.map((row) => 100 * row.part).sort((a, b) => a - b);
      const words = `Half of the files saved more than ${Math.round(quantile(parts, 0.5))}%, a tenth less than ${Math.round(quantile(parts, 0.1))}%.`;
      figures.push(["Saved of each file", words, histogram({
        values: parts, low: 0, high: 100, step: 5, barClass: "bar", label: (value) => `${Math.round(value)}%`, mark: null,
      })]);
    }
    const scores = rows.filter((row) => row.score !== null && row.status === "optimized").map((row) => row.score).sort((a, b) => a - b);
    if (scores.length > 1) {
      let low = Math.floor(scores[0]);
      const high = Math.max(low + 1, Math.ceil(scores.at(-1) + 1e-6));
      if (run.target !== null && run.target < high && low > run.target - 2) low = Math.min(low, run.target);
      const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50].find((each) => (high - low) / each <= 24) ?? 100;
      const top = low + Math.ceil((high - low) / step - 1e-9) * step;
      const aim = run.target === null ? "" : `; the target ${run.target} is the dashed line`;
      figures.push(["Score of each file", `From ${points(scores[0])} to ${points(scores.at(-1))}, half of them above ${points(quantile(scores, 0.5))}${aim}.`, histogram({
        values: scores, low, high: top, step, barClass: "bar bar-score", label: (value) => String(Math.round(value * 10) / 10), mark: run.target,
      })]);
    }
    at("charts").hidden = figures.length === 0;
    at("charts").append(...figures.map(([title, words, svg]) =>
      make("figure", { className: "chart" }, make("h2", { textContent: title }), make("p", { textContent: words }), svg)));
  };

  /* Gallery */

  const STRIPS = [
    ["saved", "Biggest savings", "The files that gave the most bytes. The square marks the worst tile; open a photo to compare."],
    ["score", "Worst places", "The files whose worst tile scores lowest: where a difference would be seen first."],
  ];

  const gallery = (shown, rows, open) => {
    const strips = STRIPS.map(([kind, title, words]) => {
      const items = shown.filter((item) => item.kinds.includes(kind) && rows[item.row]);
      const measure = kind === "saved" ? (row) => -row.saved : (row) => row.worst;
      items.sort((a, b) => measure(rows[a.row]) - measure(rows[b.row]));
      if (!items.length) return null;
      const strip = make("ul", { className: "strip", role: "list" });
      for (const item of items) strip.append(make("li", {}, card(item, rows[item.row], kind, open, items)));
      return make("div", {}, make("h2", { textContent: title }), make("p", { textContent: words }), strip);
    }).filter(Boolean);
    at("gallery").hidden = strips.length === 0;
    at("gallery").append(...strips);
  };

  const card = (item, row, kind, open, items) => {
    const image = make("img", { src: item.thumbnail, alt: "", loading: "lazy", decoding: "async" });
    const first = kind === "saved" ? `-${size(row.saved)}` : `worst ${points(row.worst)}`;
    const second = kind === "saved" ? percent(-row.part) : `score ${points(row.score)}`;
    const button = make("button", { type: "button", className: "card", title: row.name },
      make("span", { className: "frame" }, image),
      make("span", { className: "words" },
        make("bdi", { className: "name", textContent: row.file }),
        make("span", { className: "figures" },
          make("span", { className: "first", textContent: first }), make("span", { textContent: second }))));
    button.addEventListener("click", () => open(row, items.map((each) => each.row)));
    return button;
  };

  /* Table */

  const COLUMNS = [
    { key: "name", head: "File", first: 1 },
    { key: "status", head: "Outcome", first: 1 },
    { key: "in", head: "Before", first: -1, number: true, text: (row) => size(row.in) },
    { key: "out", head: "After", first: 1, number: true, text: (row) => (row.saved ? size(row.out) : "") },
    { key: "saved", head: "Saved", first: -1, number: true, text: (row) => (row.saved ? size(row.saved) : "") },
    { key: "part", head: "Saved %", first: -1, number: true, text: (row) => (row.saved ? percent(row.part) : ""), className: "less" },
    { key: "score", head: "Score", first: 1, number: true, text: (row) => points(row.score) },
    { key: "worst", head: "Worst tile", first: 1, number: true, text: (row) => points(row.worst) },
  ];

  class Table {
    constructor(rows, open) {
      this.rows = rows;
      this.open = open;
      this.sorted = { key: "saved", direction: -1 };
      this.page = 0;
      this.wanted = new Set(OUTCOMES);
      this.#heads();
      this.#outcomes();
      at("search").addEventListener("input", () => this.#choose());
      at("earlier").addEventListener("click", () => this.#turn(-1));
      at("later").addEventListener("click", () => this.#turn(1));
      at("reset").addEventListener("click", () => this.only(OUTCOMES));
      this.#choose();
    }

    #heads() {
      for (const column of COLUMNS) {
        const button = make("button", { type: "button", textContent: column.head });
        button.addEventListener("click", () => this.#sort(column));
        column.cell = make("th", { scope: "col", className: column.number ? "number" : "" }, button);
        at("heads").append(column.cell);
        for (const direction of [column.first, -column.first]) {
          const words = column.number
            ? direction < 0 ? "most first" : "least first"
            : direction < 0 ? "Z to A" : "A to Z";
          at("sorter").append(make("option", { value: `${column.key} ${direction}`, textContent: `${column.head}, ${words}` }));
        }
      }
      at("sorter").addEventListener("change", () => {
        const [key, direction] = at("sorter").value.split(" ");
        this.sorted = { key, direction: Number(direction) };
        this.#choose();
      });
    }

    #outcomes() {
      for (const outcome of OUTCOMES) {
        const number = this.rows.filter((row) => row.status === outcome).length;
        if (!number) continue;
        const box = make("input", { type: "checkbox", checked: true, value: outcome });
        box.addEventListener("change", () => {
          if (box.checked) this.wanted.add(outcome);
          else this.wanted.delete(outcome);
          this.#choose();
        });
        at("outcomes").append(make("label", {}, box, `${outcome} `, make("b", { textContent: NUMBER.format(number) })));
      }
    }

    #sort(column) {
      const again = this.sorted.key === column.key;
      this.sorted = { key: column.key, direction: again ? -this.sorted.direction : column.first };
      this.#choose();
    }

    /** Show the files of some outcomes, with some words about them. */
    only(outcomes, words = "") {
      at("search").value = words;
      this.wanted = new Set(outcomes);
      for (const box of at("outcomes").querySelectorAll("input")) box.checked = this.wanted.has(box.value);
      this.#choose();
      at("files-heading").scrollIntoView({ block: "start" });
      at("files-heading").focus({ preventScroll: true });
    }

    #turn(by) {
      this.page += by;
      this.#show();
      at("files-heading").scrollIntoView({ block: "start" });
    }

    #choose() {
      const words = at("search").value.toLowerCase().split(/\s+/).filter(Boolean);
      const { key, direction } = this.sorted;
      this.chosen = this.rows.filter((row) =>
        this.wanted.has(row.status) && words.every((word) => row.text.includes(word)));
      const isText = key === "name" || key === "status";
      const value = key === "status" ? (row) => OUTCOMES.indexOf(row.status) : (row) => row[key];
      this.chosen.sort((a, b) => {
        const [one, other] = [value(a), value(b)];
        // What has no number comes last in either direction.
        if (one === null || other === null) return (one === null) - (other === null) || a.number - b.number;
        const order = isText && key === "name" ? (one < other ? -1 : one > other ? 1 : 0) : one - other;
        return direction * order || a.number - b.number;
      });
      for (const column of COLUMNS) {
        if (column.key === key) column.cell.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
        else column.cell.removeAttribute("aria-sort");
      }
      at("sorter").value = `${key} ${direction}`;
      this.page = 0;
      this.#show();
    }

    #show() {
      const pages = Math.max(1, Math.ceil(this.chosen.length / PAGE));
      this.page = Math.min(Math.max(0, this.page), pages - 1);
      const from = this.page * PAGE;
      const rows = this.chosen.slice(from, from + PAGE);
      at("rows-shown").replaceChildren(...rows.map((row) => this.#row(row)));
      at("table").hidden = rows.length === 0;
      at("nothing").hidden = rows.length !== 0 || this.rows.length === 0;
      at("shown").textContent = this.chosen.length === this.rows.length
        ? NUMBER.format(this.rows.length)
        : `${NUMBER.format(this.chosen.length)} of ${NUMBER.format(this.rows.length)}`;
      at("pager").hidden = pages === 1;
      at("page").textContent = `${NUMBER.format(from + 1)} to ${NUMBER.format(from + rows.length)} of ${NUMBER.format(this.chosen.length)}`;
      at("earlier").disabled = this.page === 0;
      at("later").disabled = this.page === pages - 1;
    }

    #row(row) {
      const name = make("button", { type: "button", className: "open" },
        make("bdi", {},
          make("span", { className: "folder", textContent: row.folder }),
          make("span", { className: "file", textContent: row.file })));
      name.addEventListener("click", () => this.open(row, this.chosen.map((each) => each.number)));
      const cells = COLUMNS.slice(2).map((column) => {
        const text = column.text(row);
        return make("td", {
          className: `number ${text ? column.className ?? "" : "empty"}`, textContent: text, "data-head": column.head,
        });
      });
      return make("tr", {},
        make("td", { className: "name", "data-head": "File" }, name,
          row.why && row.status !== "optimized" ? make("span", { className: "why", textContent: row.why }) : null),
        make("td", { className: "status", "data-head": "Outcome" },
          make("span", { className: `outcome ${row.status}`, textContent: row.status })),
        ...cells);
    }
  }

  /* One file */

  class Look {
    constructor(run, rows, shown) {
      this.run = run;
      this.rows = rows;
      this.views = new Map(shown.map((item) => [item.row, item]));
      this.dialog = at("look");
      at("look-close").addEventListener("click", () => this.dialog.close());
      at("look-before").addEventListener("click", () => this.#step(-1));
      at("look-after").addEventListener("click", () => this.#step(1));
      this.dialog.addEventListener("close", () => at("look-picture").replaceChildren());
      this.dialog.addEventListener("click", (event) => {
        if (event.target === this.dialog) this.dialog.close();
      });
      // Ahead of the viewer, which knows the key too: here it always leads back to the page.
      this.dialog.addEventListener("keydown", (event) => {
        if (event.key !== "Escape") return;
        event.preventDefault();
        event.stopPropagation();
        this.dialog.close();
      }, true);
    }

    open(row, order) {
      this.order = order;
      this.place = order.indexOf(row.number);
      this.#show();
      if (!this.dialog.open) this.dialog.showModal();
    }

    #step(by) {
      this.place += by;
      this.#show();
    }

    #show() {
      const row = this.rows[this.order[this.place]];
      at("look-name").replaceChildren(make("bdi", { textContent: row.name }));
      at("look-before").disabled = this.place === 0;
      at("look-after").disabled = this.place === this.order.length - 1;
      at("look-picture").replaceChildren(...this.#picture(row));
      at("look-facts").replaceChildren(...this.#facts(row));
    }

    #picture(row) {
      const view = this.views.get(row.number);
      if (view) {
        return [
          this.#viewer(row, {
            before: this.#embedded(view, "before"), after: this.#embedded(view, "after"), tile: view.tile,
          }),
          make("p", { className: "caption", textContent: `The worst tile and what is around it, pixel for pixel: ${points(row.worst)}.` }),
        ];
      }
      if (row.before === null || row.after === null) return [this.#without(this.#whyNot(row))];
      const viewer = this.#viewer(row, {
        before: row.before, after: row.after, tile: row.tile, orientation: row.orientation,
      });
      viewer.addEventListener("viewer-failed", () => viewer.replaceWith(this.#without(
        "The two files are not where they were when this page was written, seen from here: the page shows them only in its first place.")));
      return [viewer];
    }

    #viewer(row, { before, after, tile, orientation = null }) {
      const [x = null, y = null, width = null, height = null] = tile ?? [];
      const viewer = document.createElement("before-after");
      const attributes = {
        label: row.file, orientation, before, after, "after-name": "Result",
        "tile-x": x, "tile-y": y, "tile-width": width, "tile-height": height,
      };
      for (const [name, value] of Object.entries(attributes)) {
        if (value !== null) viewer.setAttribute(name, value);
      }
      return viewer;
    }

    #embedded(view, which) {
      const element = at(`data-${which}-${view.row}`);
      return `data:${view.media_type};base64,${element.textContent.trim()}`;
    }

    #whyNot(row) {
      if (row.status === "failed") return `No picture: ${row.why || "the file failed"}.`;
      if (row.status === "kept" || row.status === "skipped") return "Nothing to compare: the file is what it was.";
      if (row.status === "lossless") return "Nothing to compare: every pixel is what it was.";
      const why = this.run.dry_run ? "a dry run writes no result to look at" : "the original was replaced and no backup was kept";
      // A page of a past run, or of one that was killed, has none.
      const others = this.views.size ? " Pictures of the biggest savings and the worst places are in this page." : "";
      return `No picture: ${why}.${others}`;
    }

    #without(textContent) {
      return make("p", { className: "no-picture", textContent });
    }

    #facts(row) {
      const facts = [
        ["Outcome", row.why ? `${row.status}: ${row.why}` : row.status, row.why !== null],
        ["Bytes", row.saved ? `${size(row.in)} → ${size(row.out)}, ${percent(-row.part)}` : size(row.in)],
        ["Score", row.score === null ? null : `${points(row.score)}${row.target === null ? "" : `, target ${row.target}`}`],
        ["Worst tile", row.tile === null ? null : `${points(row.worst)} at x ${row.tile[0]}, y ${row.tile[1]}, ${row.tile[2]} × ${row.tile[3]} pixels`],
        ["Size", row.megapixels === null ? null : `${row.megapixels.toFixed(1)} MP`],
        ["Coding", [row.encoder, row.sampling].filter(Boolean).join(", ") || null],
        ["Metadata left out", row.dropped ? size(row.dropped) : null],
        ["Gain map carried", row.gain_map ? size(row.gain_map) : null],
        ["Time", row.seconds ? duration(row.seconds) : null],
        ["Result", row.place, true],
        ["Note", (row.notes ?? []).join("; ") || null, true],
      ];
      return facts.filter(([, value]) => value !== null).map(([term, value, wide]) =>
        make("div", { className: wide ? "wide" : "" }, make("dt", { textContent: term }), make("dd", { textContent: value })));
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    const run = json("data-run");
    const totals = json("data-totals");
    const shown = json("data-gallery") ?? [];
    const rows = read(run.fields);
    headline(run, totals, rows, {
      failed: () => table.only(["failed"]),
      left: () => table.only(OUTCOMES, run.left_words),
    });
    charts(run, rows);
    const look = new Look(run, rows, shown);
    const open = (row, order) => look.open(row, order);
    gallery(shown, rows, open);
    const table = new Table(rows, open);
  });
})();
