/* <before-after>: two versions of a picture, a line between them to drag, zoom and flicker.
 *
 * Attributes
 *   before, after      URLs or data: URIs of the two pictures, of the same size; as long as
 *                      there is no `after`, the other is shown alone
 *   width, height      of the stored picture in pixels; without them the loaded picture's own
 *   orientation        EXIF orientation 1 to 8 that the browser applies (default 1)
 *   tile-x, tile-y, tile-width, tile-height
 *                      the worst place, in stored pixels: opened at 1:1, outlined on request
 *   label              what the picture is, for screen readers
 *   before-name, after-name
 *                      the words on the two sides (default "Original", "Optimized")
 *
 * Keys   arrows move the line (Shift: pan), Home End, + - zoom, 0 fit, 1 one to one, w worst place,
 *        f flicker.
 * Events "viewer-ready" once both pictures stand, "viewer-failed" where one can't be shown.
 *
 * Styles are set through the CSSOM only, which a strict Content-Security-Policy allows.
 */
(() => {
  "use strict";

  const LARGEST_ZOOM = 8;
  // Under three changes a second, where flashing starts to be a danger (WCAG 2.3.1).
  const FLICKER_MS = 600;
  const LINE_STEP = 0.02;
  const GRIP_PX = 28;

  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  const make = (name, className, properties = {}) => {
    const element = document.createElement(name);
    element.className = className;
    for (const [key, value] of Object.entries(properties)) {
      if (key.includes("-") || key === "role") element.setAttribute(key, value);
      else element[key] = value;
    }
    return element;
  };

  class BeforeAfter extends HTMLElement {
    static observedAttributes = [
      "before", "after", "width", "height", "orientation", "label", "before-name", "after-name",
      "tile-x", "tile-y", "tile-width", "tile-height",
    ];

    #built = false;
    #opened = false;
    #scale = 1;
    #x = 0; // of the picture's left edge in the stage, CSS pixels
    #y = 0;
    #line = 0.5; // of the visible picture's width
    #shown = null; // "before" or "after" while flickering
    #timer = 0;
    #pointers = new Map();
    #grip = null;
    #resized = new ResizeObserver(() => this.#fitted());

    connectedCallback() {
      if (!this.#built) this.#build();
      this.#resized.observe(this.stage);
      this.#load("before");
      this.#load("after");
      this.#name();
    }

    disconnectedCallback() {
      this.#resized.disconnect();
      this.#stopFlicker();
    }

    attributeChangedCallback(name, old, value) {
      if (!this.#built || old === value) return;
      if (name === "before" || name === "after") this.#load(name);
      else if (name === "label" || name.endsWith("-name")) this.#name();
      else if (this.#opened) this.#draw();
    }

    /** Show all of the picture. */
    fit() {
      this.#zoomTo(this.#fitScale());
    }

    /** Show one pixel of the picture on one of the screen, around the point in the middle. */
    oneToOne() {
      this.#zoomTo(this.#unit);
    }

    /** Bring the worst place to the middle at 1:1. */
    showWorst() {
      const tile = this.#tile() ?? { x: 0, y: 0, width: this.#width, height: this.#height };
      this.#scale = this.#unit;
      const { width, height } = this.#room();
      this.#x = width / 2 - (tile.x + tile.width / 2) * this.#scale;
      this.#y = height / 2 - (tile.y + tile.height / 2) * this.#scale;
      this.#draw();
    }

    /** Start or stop alternating; where motion is not wanted, every call swaps once. */
    flicker() {
      if (this.#isAlone) return;
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      if (still) this.#shown = this.#shown === null ? "before" : this.#shown === "before" ? "after" : null;
      else if (this.#shown === null) {
        this.#shown = "before";
        this.#timer = setInterval(() => {
          this.#shown = this.#shown === "before" ? "after" : "before";
          this.#draw();
        }, FLICKER_MS);
      } else this.#stopFlicker();
      this.#draw();
    }

    #build() {
      this.#built = true;
      this.stage = make("div", "ba-stage");
      this.images = {
        after: make("img", "ba-picture", { alt: "", draggable: false, decoding: "async" }),
        before: make("img", "ba-picture", { alt: "", draggable: false, decoding: "async" }),
      };
      this.outline = make("div", "ba-outline", { hidden: true });
      this.line = make("div", "ba-line", {
        role: "slider", tabIndex: 0, "aria-valuemin": "0", "aria-valuemax": "100",
        "aria-orientation": "horizontal",
      });
      this.line.append(make("span", "ba-knob", { "aria-hidden": "true" }));
      this.tags = { before: make("span", "ba-tag ba-tag-before"), after: make("span", "ba-tag ba-tag-after") };
      this.message = make("p", "ba-message", { role: "status", textContent: "Loading the picture\u2026" });
      this.stage.append(
        this.images.after, this.images.before, this.outline, this.tags.before, this.tags.after,
        this.line, this.message,
      );
      this.bar = make("div", "ba-bar", { role: "toolbar", "aria-label": "View" });
      this.buttons = {
        fit: this.#button("Fit", "Show the whole picture (0)", () => this.fit()),
        one: this.#button("1:1", "One pixel on one pixel of the screen (1)", () => this.oneToOne()),
        out: this.#button("\u2212", "Zoom out (-)", () => this.#step(-1)),
        into: this.#button("+", "Zoom in (+)", () => this.#step(1)),
        worst: this.#button("Worst spot", "Go to the place that differs most (w)", () => this.#worst()),
        flicker: this.#button("Flicker", "Swap the two in place (f)", () => this.flicker()),
      };
      this.zoom = make("output", "ba-zoom", { "aria-label": "Zoom" });
      const { fit, one, out, into, worst, flicker } = this.buttons;
      this.bar.append(fit, one, out, this.zoom, into, worst, flicker);
      this.append(this.stage, this.bar);

      this.stage.addEventListener("pointerdown", (event) => this.#press(event));
      this.stage.addEventListener("pointermove", (event) => this.#move(event));
      for (const name of ["pointerup", "pointercancel"]) {
        this.stage.addEventListener(name, (event) => this.#release(event));
      }
      this.stage.addEventListener("dblclick", (event) => this.#toggleZoom(event));
      this.stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
      this.addEventListener("keydown", (event) => this.#key(event));
      for (const [which, image] of Object.entries(this.images)) {
        image.addEventListener("load", () => this.#loaded());
        image.addEventListener("error", () => this.#broken(which));
      }
    }

    #button(text, title, action) {
      const button = make("button", "ba-button", { type: "button", textContent: text, title });
      button.addEventListener("click", action);
      return button;
    }

    #load(which) {
      const address = this.getAttribute(which);
      const image = this.images[which];
      if (!address) {
        image.removeAttribute("src");
        this.#tell();
        return;
      }
      if (image.getAttribute("src") === address) return;
      // Another original is another picture: open it anew. Another result is seen where one looks.
      if (which === "before") this.#opened = false;
      this.stage.classList.add("ba-loading");
      this.message.textContent = "Loading the picture\u2026";
      this.message.hidden = this.#opened;
      image.src = address;
    }

    #loaded() {
      const stands = ([which, image]) => !this.getAttribute(which) || (image.complete && image.naturalWidth);
      if (!this.images.before.naturalWidth || !Object.entries(this.images).every(stands)) return;
      this.stage.classList.remove("ba-loading");
      this.message.hidden = true;
      this.#fitted();
      this.dispatchEvent(new CustomEvent("viewer-ready"));
    }

    #broken(which) {
      this.stage.classList.remove("ba-loading");
      this.message.hidden = false;
      this.message.textContent = `Your browser can't show the ${which === "before" ? "original" : "result"}.`;
      this.dispatchEvent(new CustomEvent("viewer-failed"));
    }

    #name() {
      const label = this.getAttribute("label") ?? "picture";
      this.tags.before.textContent = this.getAttribute("before-name") ?? "Original";
      this.tags.after.textContent = this.getAttribute("after-name") ?? "Optimized";
      this.line.setAttribute("aria-label", `Line between original and optimized ${label}`);
      this.images.before.alt = `${label}, original`;
      this.images.after.alt = `${label}, optimized`;
      this.#tell();
    }

    // The picture as it is shown: the browser has turned it by its EXIF orientation.
    get #turned() {
      return Number(this.getAttribute("orientation")) >= 5;
    }

    get #stored() {
      const { naturalWidth, naturalHeight } = this.images.before;
      const own = this.#turned ? [naturalHeight, naturalWidth] : [naturalWidth, naturalHeight];
      return [Number(this.getAttribute("width")) || own[0], Number(this.getAttribute("height")) || own[1]];
    }

    get #width() {
      return this.#stored[this.#turned ? 1 : 0];
    }

    get #height() {
      return this.#stored[this.#turned ? 0 : 1];
    }

    get #unit() {
      return 1 / (window.devicePixelRatio || 1);
    }

    #room() {
      return { width: this.stage.clientWidth, height: this.stage.clientHeight };
    }

    #tile() {
      const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => {
        const text = this.getAttribute(`tile-${name}`);
        return text === null ? NaN : Number(text);
      });
      if (![x, y, width, height].every(Number.isFinite)) return null;
      const [full, tall] = this.#stored;
      const right = full - x - width;
      const below = tall - y - height;
      const places = {
        2: [right, y], 3: [right, below], 4: [x, below],
        5: [y, x], 6: [below, x], 7: [below, right], 8: [y, right],
      };
      const place = places[this.getAttribute("orientation")] ?? [x, y];
      return this.#turned
        ? { x: place[0], y: place[1], width: height, height: width }
        : { x: place[0], y: place[1], width, height };
    }

    #fitScale() {
      const { width, height } = this.#room();
      return Math.min(width / this.#width, height / this.#height, this.#unit);
    }

    #fitted() {
      const { width } = this.#room();
      if (!width || !this.images.before.naturalWidth) return;
      if (!this.#opened) {
        this.#opened = true;
        this.#line = 0.5;
        this.showWorst();
      } else this.#draw();
    }

    #zoomTo(scale, at = null) {
      const { width, height } = this.#room();
      const [left, top] = at ?? [width / 2, height / 2];
      const next = clamp(scale, this.#fitScale(), this.#unit * LARGEST_ZOOM);
      this.#x = left - ((left - this.#x) / this.#scale) * next;
      this.#y = top - ((top - this.#y) / this.#scale) * next;
      this.#scale = next;
      this.#draw();
    }

    #step(direction) {
      const levels = [this.#fitScale()];
      for (let zoom = 1 / 16; zoom <= LARGEST_ZOOM; zoom *= 2) {
        if (zoom * this.#unit > levels[0] * 1.05) levels.push(zoom * this.#unit);
      }
      const near = direction > 0
        ? levels.find((level) => level > this.#scale * 1.01)
        : levels.findLast((level) => level < this.#scale * 0.99);
      if (near) this.#zoomTo(near);
    }

    #worst() {
      this.showWorst();
      this.outline.hidden = false;
      this.#draw();
    }

    #stopFlicker() {
      clearInterval(this.#timer);
      this.#shown = null;
    }

    /** Lay out everything from the state. */
    #draw() {
      if (!this.images.before.naturalWidth) return;
      const room = this.#room();
      const dots = window.devicePixelRatio || 1;
      const wide = this.#width * this.#scale;
      const tall = this.#height * this.#scale;
      const place = (at, size, space) => {
        const free = size <= space ? (space - size) / 2 : clamp(at, space - size, 0);
        return Math.round(free * dots) / dots; // whole pixels of the screen: 1:1 stays sharp
      };
      this.#x = place(this.#x, wide, room.width);
      this.#y = place(this.#y, tall, room.height);
      const left = Math.max(0, this.#x);
      const right = Math.min(room.width, this.#x + wide);
      const cut = left + this.#line * (right - left);
      for (const image of Object.values(this.images)) {
        image.style.inlineSize = `${wide}px`;
        image.style.blockSize = `${tall}px`;
        image.style.transform = `translate(${this.#x}px, ${this.#y}px)`;
        image.classList.toggle("ba-magnified", this.#scale > this.#unit * 1.5);
      }
      const hidden = this.#isAlone || this.#shown === "before" ? 0 : this.#shown === "after" ? wide : this.#x + wide - cut;
      this.images.before.style.clipPath = `inset(0 ${clamp(hidden, 0, wide)}px 0 0)`;
      this.line.style.transform = `translateX(${cut}px)`;
      const tile = this.#tile();
      if (tile) {
        this.outline.style.inlineSize = `${tile.width * this.#scale}px`;
        this.outline.style.blockSize = `${tile.height * this.#scale}px`;
        this.outline.style.transform =
          `translate(${this.#x + tile.x * this.#scale}px, ${this.#y + tile.y * this.#scale}px)`;
      } else this.outline.hidden = true;
      this.#tell();
    }

    #tell() {
      const percent = Math.round(this.#line * 100);
      this.line.setAttribute("aria-valuenow", String(percent));
      this.line.setAttribute("aria-valuetext", `${percent}% ${this.tags.before.textContent}`);
      this.zoom.textContent = `${Math.round((this.#scale / this.#unit) * 100)}%`;
      // Not `hidden`: the keys must keep a place to go to.
      this.stage.classList.toggle("ba-swapping", this.#shown !== null);
      this.line.hidden = this.#isAlone;
      this.buttons.flicker.disabled = this.#isAlone;
      this.tags.before.hidden = this.#shown === "after";
      this.tags.after.hidden = this.#isAlone || this.#shown === "before";
      this.buttons.worst.hidden = this.#tile() === null;
      this.buttons.flicker.setAttribute("aria-pressed", String(this.#shown !== null));
      this.buttons.fit.setAttribute("aria-pressed", String(Math.abs(this.#scale - this.#fitScale()) < 1e-6));
      this.buttons.one.setAttribute("aria-pressed", String(Math.abs(this.#scale - this.#unit) < 1e-6));
      this.stage.classList.toggle("ba-pannable", this.#isPannable());
    }

    #isPannable() {
      const { width, height } = this.#room();
      return this.#width * this.#scale > width + 1 || this.#height * this.#scale > height + 1;
    }

    get #isAlone() {
      return !this.getAttribute("after");
    }

    #point(event) {
      const box = this.stage.getBoundingClientRect();
      return [event.clientX - box.left - this.stage.clientLeft, event.clientY - box.top - this.stage.clientTop];
    }

    #visible() {
      const left = Math.max(0, this.#x);
      const right = Math.min(this.#room().width, this.#x + this.#width * this.#scale);
      return { left, wide: Math.max(1, right - left) };
    }

    #press(event) {
      if (event.button !== 0) return;
      const point = this.#point(event);
      this.#pointers.set(event.pointerId, point);
      this.stage.setPointerCapture(event.pointerId);
      const { left, wide } = this.#visible();
      const near = Math.abs(point[0] - (left + this.#line * wide)) <= GRIP_PX;
      const takesLine = this.#shown === null && !this.#isAlone && (near || !this.#isPannable());
      this.#grip = this.#pointers.size > 1 ? "pinch" : takesLine ? "line" : "pan";
      this.stage.classList.toggle("ba-panning", this.#grip === "pan");
      if (this.#grip === "line") {
        this.line.focus({ preventScroll: true });
        this.#drag(point);
      }
      event.preventDefault();
    }

    #move(event) {
      const before = this.#pointers.get(event.pointerId);
      if (!before) return;
      const point = this.#point(event);
      this.#pointers.set(event.pointerId, point);
      if (this.#grip === "line") this.#drag(point);
      else if (this.#grip === "pan") {
        this.#x += point[0] - before[0];
        this.#y += point[1] - before[1];
        this.#draw();
      } else if (this.#pointers.size === 2) {
        const [other] = [...this.#pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
        const was = Math.hypot(before[0] - other[0], before[1] - other[1]) || 1;
        const now = Math.hypot(point[0] - other[0], point[1] - other[1]);
        this.#zoomTo((this.#scale * now) / was, [(point[0] + other[0]) / 2, (point[1] + other[1]) / 2]);
      }
    }

    #release(event) {
      this.#pointers.delete(event.pointerId);
      if (this.#pointers.size === 0) this.#grip = null;
      this.stage.classList.remove("ba-panning");
    }

    #drag([x]) {
      const { left, wide } = this.#visible();
      this.#line = clamp((x - left) / wide, 0, 1);
      this.#draw();
    }

    #toggleZoom(event) {
      const close = this.#scale > this.#fitScale() * 1.01;
      this.#zoomTo(close ? this.#fitScale() : this.#unit, this.#point(event));
    }

    #wheel(event) {
      // A plain wheel scrolls the page; with Ctrl, as trackpads report a pinch, it zooms.
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.#zoomTo(this.#scale * Math.exp(-event.deltaY / 200), this.#point(event));
    }

    #key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const onLine = event.target === this.line;
      const pans = event.shiftKey && this.#isPannable();
      const across = { ArrowLeft: -1, ArrowRight: 1 }[event.key] ?? 0;
      const down = { ArrowUp: -1, ArrowDown: 1 }[event.key] ?? 0;
      const actions = {
        "+": () => this.#step(1), "=": () => this.#step(1), "-": () => this.#step(-1),
        0: () => this.fit(), 1: () => this.oneToOne(),
        f: () => this.flicker(), w: () => !this.buttons.worst.hidden && this.#worst(),
        Escape: () => { this.#stopFlicker(); this.#draw(); },
      };
      if (pans && (across || down)) {
        this.#x -= across * 64;
        this.#y -= down * 64;
        this.#draw();
      } else if (onLine && (across || down)) this.#slide(this.#line + (across - down) * LINE_STEP);
      else if (onLine && event.key === "PageUp") this.#slide(this.#line + 0.1);
      else if (onLine && event.key === "PageDown") this.#slide(this.#line - 0.1);
      else if (onLine && event.key === "Home") this.#slide(0);
      else if (onLine && event.key === "End") this.#slide(1);
      else if (actions[event.key]) actions[event.key]();
      else return;
      event.preventDefault();
    }

    #slide(to) {
      this.#stopFlicker();
      this.#line = clamp(to, 0, 1);
      this.#draw();
    }
  }

  if (!customElements.get("before-after")) customElements.define("before-after", BeforeAfter);
})();
