// The grid of thumbnails. Only what is near the window is in the document, so that it makes no difference how many results there are.
//
// Results are cut into blocks: a hundred, or a day. A block that has been fetched knows its rows; for others a height is guessed.
// When a guess turns out wrong, the page is scrolled so that what one looks at stays where it is.

import * as api from "./api.js";
import { button, date, h, nameOf, photos, shown } from "./dom.js";
import { aspect, at, guess, rows } from "./layout.js";
import { PAGE } from "./results.js";

const HEADING = 52;
const SIZES = [120, 240, 480, 960];

export class Grid {
  /** `on`: open(index, photo), more(photo), less(photo), crop(index, photo), layout(), href(photo), problem(error). */
  constructor(container, selection, on) {
    this.container = container;
    this.selection = selection;
    this.on = on;
    this.blocks = [];
    this.tiles = new Map();
    this.active = 0;
    this.lastY = 0;
    this.mean = 1.4;
    addEventListener("scroll", () => this.soon(), { passive: true });
    new ResizeObserver(() => this.resize()).observe(container);
    for (const name of ["wheel", "touchmove", "pointerdown"]) addEventListener(name, () => (this.target = null), { passive: true });
    container.addEventListener("click", (event) => this.click(event));
    container.addEventListener("keydown", (event) => this.key(event));
    container.addEventListener("focusin", (event) => this.focused(event));
    this.listenForLongPress();
    selection.addEventListener("change", () => this.mark());
  }

  /** Shows other results. `sections` are days from the timeline, or null; `index` is the result to begin at. */
  show(results, sections, index = 0) {
    const isFirst = !this.results;
    this.results = results;
    this.sections = sections;
    results.addEventListener("problem", () => setTimeout(() => this.results === results && this.render(true), 2000));
    results.addEventListener("page", (event) => this.results === results && this.arrived(event.detail));
    this.active = index;
    this.pivot = null;
    this.measure();
    this.mean = this.meanAspect();
    // Photos that are shown already keep their elements, so that they do not flicker while one types.
    this.old = new Map([...this.tiles.values()].map((tile) => [tile.photo.id, tile]));
    this.tiles.clear();
    for (const block of this.blocks) block.element = null;
    const before = [...this.container.children];
    const hadFocus = this.takesFocus || (this.container.contains(document.activeElement) && document.activeElement !== this.container);
    this.takesFocus = false;
    this.build();
    if (!isFirst || index) this.scrollTo(index);
    this.render(true);
    for (const element of before) element.remove();
    this.old = null;
    if (hadFocus && !this.container.contains(document.activeElement)) {
      this.pendingFocus = this.active;
      this.render(true);
    }
  }

  measure() {
    this.width = this.container.clientWidth;
    const small = this.width < 640;
    this.gap = small ? 3 : 6;
    this.height = small ? Math.max(104, this.width / 3) : this.width < 1100 ? 190 : 220;
    const pixels = this.height * Math.min(2, devicePixelRatio) * 0.85;
    this.size = SIZES.find((size) => size >= pixels) ?? 480;
    this.container.style.setProperty("--row", `${Math.round(this.height)}px`);
    this.container.style.setProperty("--gap", `${this.gap}px`);
  }

  meanAspect() {
    const first = this.results.first.results;
    return first.length ? first.reduce((sum, photo) => sum + aspect(photo), 0) / first.length : 1.4;
  }

  // Blocks

  build() {
    this.blocks = [];
    const length = this.results.length;
    let done = 0;
    const add = (start, end, heading, count) => {
      for (let from = start; from < end; from += PAGE) {
        const to = Math.min(end, from + PAGE);
        this.blocks.push({ start: from, end: to, isLast: to === end, heading: from === start ? heading : null, count, top: 0, height: 0, rows: null, element: null });
      }
      done = end;
    };
    for (const day of this.sections ?? []) {
      if (day.offset < done || day.offset >= length) continue;
      if (day.offset > done) add(done, day.offset, "No date", day.offset - done);
      add(day.offset, Math.min(length, day.offset + day.photos), day.day ? date("weekday", day.day) : "No date", day.photos);
    }
    if (done < length) add(done, length, this.sections ? "No date" : null, length - done);
    this.lay(0);
  }

  /** Finds the heights of blocks from `first` on, and where they are. */
  lay(first) {
    let top = first > 0 ? this.blocks[first - 1].top + this.blocks[first - 1].height : 0;
    for (let at = first; at < this.blocks.length; at++) {
      const block = this.blocks[at];
      if (!block.height) this.layBlock(block);
      block.top = top;
      top += block.height;
    }
    this.total = top;
    this.container.style.height = `${top}px`;
    this.on.layout();
  }

  layBlock(block) {
    const head = block.heading ? HEADING : 0;
    if (this.results.has(block.start, block.end)) {
      const aspects = [];
      for (let index = block.start; index < block.end; index++) {
        const photo = this.results.get(index);
        aspects.push(photo ? aspect(photo) : 1);
      }
      block.rows = rows(aspects, this.width, this.height, this.gap, block.isLast);
      const last = block.rows.at(-1);
      block.height = head + (last ? last.top + last.height : 0) + this.gap;
    } else {
      block.rows = null;
      block.height = head + guess(block.end - block.start, this.mean, this.width, this.height, this.gap);
    }
  }

  arrived(page) {
    const [start, end] = [page * PAGE, (page + 1) * PAGE];
    this.keep(() => {
      const length = this.blocks.at(-1)?.end ?? 0;
      if (this.results.length !== length) {
        // The number of results was not known; what is already laid out stays.
        const known = new Map(this.blocks.filter((block) => block.rows).map((block) => [block.start, block]));
        for (const block of this.blocks) if (!block.rows) this.drop(block);
        this.build();
        for (const block of this.blocks) {
          const same = known.get(block.start);
          if (same?.end === block.end) block.element = same.element;
          else if (same) this.drop(same);
          known.delete(block.start);
        }
        for (const block of known.values()) this.drop(block);
      }
      let first = -1;
      this.blocks.forEach((block, at) => {
        if (block.end <= start || block.start >= end || block.rows) return;
        if (!this.results.has(block.start, block.end)) return;
        block.height = 0;
        this.drop(block);
        if (first < 0) first = at;
      });
      if (first >= 0) this.lay(first);
    });
    this.render(true);
  }

  drop(block) {
    this.release(block.element);
    block.element?.remove();
    block.element = null;
    for (const [index, tile] of this.tiles) if (!tile.isConnected) this.tiles.delete(index);
  }

  resize() {
    if (!this.results || Math.abs(this.container.clientWidth - this.width) < 1) return;
    this.keep(() => {
      this.measure();
      for (const block of this.blocks) {
        block.height = 0;
        this.drop(block);
      }
      this.lay(0);
    });
    this.render(true);
  }

  // Scrolling

  /** How far the grid is from the top of the page. */
  offset() {
    return this.container.getBoundingClientRect().top + scrollY;
  }

  blockOf(index) {
    let [low, high] = [0, this.blocks.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.blocks[middle].start <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** How far below the top of the grid a result is; of its day's heading, if it is the first of it. */
  topOf(index) {
    const block = this.blocks[this.blockOf(index)];
    if (!block || (block.heading && index === block.start)) return block?.top ?? 0;
    const head = block.heading ? HEADING : 0;
    const at = index - block.start;
    if (block.rows) return block.top + head + (block.rows.find((row) => at < row.end)?.top ?? 0);
    return block.top + head + ((block.height - head) * at) / (block.end - block.start);
  }

  /** The result at the upper edge of the window, or 0 if the page is at its top. */
  topmost() {
    const y = scrollY - this.offset() + headHeight();
    if (y <= 0 || scrollY < 8 || !this.blocks.length) return 0;
    const block = this.blocks[at(this.blocks, y)];
    const inside = y - block.top - (block.heading ? HEADING : 0);
    if (!block.rows) return Math.min(block.end - 1, block.start + Math.max(0, Math.floor(((block.end - block.start) * inside) / block.height)));
    const row = block.rows.find((row) => row.top + row.height > inside) ?? block.rows.at(-1);
    return block.start + (row?.start ?? 0);
  }

  /** Does something that moves results, without moving what one looks at. */
  keep(change) {
    const index = this.topmost();
    const anchor = this.target ?? (index ? { index, offset: this.topOf(index) - scrollY } : null);
    change();
    if (!anchor) return;
    scrollTo(0, this.topOf(anchor.index) - anchor.offset);
    if (this.blocks[this.blockOf(anchor.index)]?.rows) this.target = null;
  }

  scrollTo(index) {
    if (!index) {
      this.target = null;
      scrollTo(0, 0);
    } else {
      const offset = headHeight() + 8 - this.offset();
      this.target = { index, offset };
      scrollTo(0, this.topOf(index) - offset);
      if (this.blocks[this.blockOf(index)]?.rows) this.target = null;
    }
    this.render(true);
  }

  soon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.render(false);
    });
  }

  // Rendering

  /** Brings the document up to date. While one scrolls fast nothing is fetched, unless `force`. */
  render(force) {
    if (!this.results || !this.blocks.length) {
      this.container.replaceChildren();
      this.tiles.clear();
      return;
    }
    const seen = innerHeight;
    const y = scrollY - this.offset();
    const fast = !force && Math.abs(y - this.lastY) > seen * 0.7;
    this.lastY = y;
    clearTimeout(this.idle);
    if (fast) this.idle = setTimeout(() => this.render(true), 90);
    const [above, below] = [y - seen * 0.6, y + seen * 1.8];

    const kept = new Set();
    const first = at(this.blocks, above);
    let [from, to] = [Infinity, 0];
    for (let n = first; n < this.blocks.length && this.blocks[n].top < below; n++) {
      const block = this.blocks[n];
      kept.add(block);
      if (!block.rows) [from, to] = [Math.min(from, block.start), Math.max(to, block.end)];
      this.renderBlock(block, above, below, fast);
    }
    for (const block of this.blocks) {
      if (block.element && !kept.has(block)) this.drop(block);
    }
    if (!fast && from < to) this.results.want(from, to);
    this.rove(y);
  }

  /** Keeps the focus of what is about to go, so that keys go on working; the photo gets it again when it comes back. */
  release(element) {
    if (!element?.contains(document.activeElement)) return;
    if (document.activeElement.closest(".tile")) this.regain = this.active;
    this.container.focus({ preventScroll: true });
  }

  renderBlock(block, above, below, fast) {
    block.element ??= this.blockElement(block);
    const element = block.element;
    element.style.top = `${block.top}px`;
    element.style.height = `${block.height - this.gap}px`;
    if (!block.rows) return;
    const list = element.lastElementChild;
    const head = block.heading ? HEADING : 0;
    for (const row of block.rows) {
      const top = block.top + head + row.top;
      const visible = top + row.height > above && top < below;
      for (let at = row.start; at < row.end; at++) {
        const index = block.start + at;
        let tile = this.tiles.get(index);
        if (!visible) {
          this.release(tile);
          tile?.remove();
          this.tiles.delete(index);
        } else if (!tile && !fast) {
          const photo = this.results.get(index);
          if (!photo) continue;
          tile = this.tile(photo, index);
          Object.assign(tile.style, { left: `${row.lefts[at - row.start]}px`, top: `${row.top}px`, width: `${row.widths[at - row.start]}px`, height: `${row.height}px` });
          this.tiles.set(index, tile);
          this.insert(list, tile, index);
        }
      }
    }
    element.classList.toggle("waiting", fast && !list.children.length);
  }

  /** In the order of results, for those who hear or tab through the page. */
  insert(list, tile, index) {
    let after = list.lastElementChild;
    while (after && after.index > index) after = after.previousElementSibling;
    if (after) after.after(tile);
    else list.prepend(tile);
  }

  blockElement(block) {
    const list = h("ul", { role: "list", "aria-label": `Results ${block.start + 1} to ${block.end}` });
    const heading =
      block.heading &&
      h("div", { class: "day" }, h("h2", {}, block.heading), h("span", { class: "faint" }, photos(block.count)), button("check", `Select all of ${block.heading}`, () => this.selectRange(block.start, block.start + block.count), { class: "icon pick-day" }));
    const element = h("div", { class: block.rows ? "block" : "block waiting" }, heading, list);
    const next = this.blocks.slice(this.blocks.indexOf(block) + 1).find((other) => other.element);
    this.container.insertBefore(element, next?.element ?? null);
    return element;
  }

  tile(photo, index) {
    const name = nameOf(photo.path);
    let tile = this.old?.get(photo.id);
    if (tile) this.old.delete(photo.id);
    else {
      const image = h("img", { draggable: true, decoding: "async" });
      image.addEventListener("load", () => {
        tile.classList.add("there");
        tile.classList.remove("broken");
      });
      let tries = 0;
      image.addEventListener("error", () => {
        tile.classList.add("broken");
        // The server may have had too much to do.
        if (++tries < 3) setTimeout(() => tile.isConnected && (image.src = image.src), 1500 * tries);
      });
      tile = h(
        "li",
        { class: "tile" },
        h("a", { tabIndex: -1 }, image),
        h("button", { type: "button", class: "pick", tabIndex: -1 }, button("check", "").firstChild),
        h("button", { type: "button", class: "more", tabIndex: -1 }, button("more", "").firstChild),
        h("span", { class: "relevance", "aria-hidden": "true" }, h("i")),
      );
      image.src = api.thumbnail(photo.id, this.size, photo.position);
    }
    const [link, pick, more, relevance] = tile.children;
    const taken = photo.taken_at === undefined ? "" : `, ${date("day", photo.taken_at)}`;
    link.href = this.on.href(photo);
    link.firstChild.alt = `${name}${taken}${photo.match ? "" : ", weak match"}${photo.missing ? ", file missing" : ""}`;
    link.title = name;
    pick.setAttribute("aria-label", `Select ${name}`);
    pick.title = "Select";
    more.setAttribute("aria-label", `More like ${name}`);
    more.title = "More like this (m)";
    tile.photo = photo;
    tile.index = index;
    tile.setAttribute("aria-posinset", index + 1);
    tile.setAttribute("aria-setsize", this.results.total ?? -1);
    tile.classList.toggle("weak", !photo.match);
    tile.classList.toggle("missing", Boolean(photo.missing));
    relevance.hidden = typeof photo.relevance !== "number";
    relevance.firstChild.style.width = `${Math.round((photo.relevance ?? 0) * 100)}%`;
    tile.dataset.name = shown(name);
    this.markTile(tile);
    return tile;
  }

  markTile(tile) {
    const selected = this.selection.has(tile.photo.id);
    tile.classList.toggle("selected", selected);
    tile.children[1].setAttribute("aria-pressed", selected);
  }

  mark() {
    this.container.classList.toggle("selecting", this.selection.size > 0);
    for (const tile of this.tiles.values()) this.markTile(tile);
  }

  /** One photo can be reached with the tab key: the last that had the focus, or else the first that is seen. */
  rove(y) {
    let stop = this.tiles.get(this.active);
    if (!stop) {
      let best = Infinity;
      for (const [index, tile] of this.tiles) if (index < best && this.topOf(index) >= y) [best, stop] = [index, tile];
      stop ??= this.tiles.values().next().value;
    }
    if (this.stop !== stop) {
      this.stop?.firstChild.setAttribute("tabindex", "-1");
      this.stop = stop;
    }
    stop?.firstChild.setAttribute("tabindex", "0");
    if (document.activeElement !== this.container) this.regain = undefined;
    this.pendingFocus ??= this.regain;
    if (this.pendingFocus !== undefined && this.tiles.has(this.pendingFocus)) {
      this.tiles.get(this.pendingFocus).firstChild.focus({ preventScroll: true });
      this.pendingFocus = this.regain = undefined;
    }
  }

  // Keyboard, mouse and touch

  focused(event) {
    const tile = event.target.closest?.(".tile");
    if (!tile) return;
    this.active = tile.index;
    if (this.stop !== tile) {
      this.stop?.firstChild.setAttribute("tabindex", "-1");
      this.stop = tile;
      tile.firstChild.setAttribute("tabindex", "0");
    }
  }

  /** Moves the focus to a result, and the page as far as that takes. */
  focus(index) {
    this.active = index;
    const block = this.blocks[this.blockOf(index)];
    if (!block) return;
    const row = block.rows?.find((row) => index - block.start < row.end);
    const top = this.offset() + this.topOf(index);
    const bottom = this.offset() + block.top + (row ? (block.heading ? HEADING : 0) + row.top + row.height : block.height);
    const [upper, lower] = [scrollY + headHeight() + 8, scrollY + innerHeight - (this.selection.size ? 84 : 16)];
    if (top < upper) scrollBy(0, top - upper);
    else if (bottom > lower) scrollBy(0, Math.min(bottom - lower, top - upper));
    if (!row) this.target = { index, offset: headHeight() + 8 - this.offset() };
    this.pendingFocus = index;
    this.render(true);
  }

  /** The result above (-1) or below (1). */
  vertical(index, way) {
    let n = this.blockOf(index);
    let block = this.blocks[n];
    if (!block.rows) return Math.min(this.results.length - 1, Math.max(0, index + way));
    let r = block.rows.findIndex((row) => index - block.start < row.end);
    const from = block.rows[r];
    const place = index - block.start - from.start;
    const centre = from.lefts[place] + from.widths[place] / 2;
    r += way;
    if (r < 0 || r >= block.rows.length) {
      n += way;
      block = this.blocks[n];
      if (!block) return index;
      if (!block.rows) return way > 0 ? block.start : block.end - 1;
      r = way > 0 ? 0 : block.rows.length - 1;
    }
    const row = block.rows[r];
    let best = 0;
    const off = (at) => Math.abs(row.lefts[at] + row.widths[at] / 2 - centre);
    for (let at = 1; at < row.lefts.length; at++) if (off(at) < off(best)) best = at;
    return block.start + row.start + best;
  }

  key(event) {
    if (!this.results || event.altKey || event.target.closest(".day")) return;
    const last = this.results.length - 1;
    const { active } = this;
    const photo = this.results.get(active);
    const rowsAPage = Math.max(1, Math.floor((innerHeight - headHeight()) / (this.height + this.gap)) - 1);
    const far = (way) => {
      let index = active;
      for (let n = 0; n < rowsAPage; n++) index = this.vertical(index, way);
      return index;
    };
    const moves = {
      ArrowLeft: () => active - 1,
      ArrowRight: () => active + 1,
      ArrowUp: () => this.vertical(active, -1),
      ArrowDown: () => this.vertical(active, 1),
      Home: () => 0,
      End: () => last,
      PageUp: () => far(-1),
      PageDown: () => far(1),
    };
    const command = event.ctrlKey || event.metaKey;
    if (event.key in moves && !command) {
      const to = Math.min(last, Math.max(0, moves[event.key]()));
      if (event.shiftKey) this.extend(active, to);
      else this.pivot = null;
      this.focus(to);
    } else if (command && event.key === "a") this.selectRange(0, Math.min(this.results.length, 10_000));
    else if (command || !photo) return;
    else if (event.key === " " && event.target.tagName !== "BUTTON") this.toggle(active, event.shiftKey);
    else if (event.key === "m") this.on.more(photo);
    else if (event.key === "l") this.on.less(photo);
    else if (event.key === "c") this.on.crop(active, photo);
    else if (event.key === "Enter" && event.target === this.container) this.on.open(active, photo);
    else return;
    event.preventDefault();
  }

  click(event) {
    const tile = event.target.closest(".tile");
    if (!tile) return;
    if (this.pressed) {
      this.pressed = false;
      event.preventDefault();
    } else if (event.target.closest(".more")) this.on.more(tile.photo);
    else if (event.target.closest(".pick")) this.toggle(tile.index, event.shiftKey);
    else if (event.ctrlKey || event.metaKey || event.shiftKey || (this.selection.size && event.detail)) {
      event.preventDefault();
      this.toggle(tile.index, event.shiftKey);
    } else {
      event.preventDefault();
      this.on.open(tile.index, tile.photo);
    }
  }

  /** Selects or unselects a photo; with `range`, all from the last that was. */
  toggle(index, range) {
    const photo = this.results.get(index);
    if (!photo) return;
    if (range && this.selection.size) {
      const from = this.pivot?.index ?? this.lastToggled ?? index;
      this.selectRange(Math.min(from, index), Math.max(from, index) + 1);
    } else this.selection.toggle(photo);
    this.lastToggled = index;
  }

  /** Selects from where shift was first held down to `to`, and what was selected before that. */
  async extend(from, to) {
    this.pivot ??= { index: from, before: this.selection.photos() };
    const pivot = this.pivot;
    const found = await this.load(Math.min(pivot.index, to), Math.max(pivot.index, to) + 1);
    if (this.pivot === pivot) this.selection.set([...pivot.before, ...found]);
  }

  async selectRange(start, end) {
    this.selection.add(await this.load(start, end));
  }

  async load(start, end) {
    try {
      return await this.results.load(start, end);
    } catch {
      return [];
    }
  }

  listenForLongPress() {
    let timer;
    const stop = () => clearTimeout(timer);
    this.container.addEventListener("pointerdown", (event) => {
      const tile = event.target.closest(".tile");
      stop();
      this.pressed = false;
      if (!tile || event.pointerType === "mouse") return;
      timer = setTimeout(() => {
        this.pressed = true;
        this.toggle(tile.index, false);
        navigator.vibrate?.(15);
      }, 450);
    });
    for (const name of ["pointermove", "pointerup", "pointercancel"]) {
      this.container.addEventListener(name, (event) => {
        if (name !== "pointermove" || Math.hypot(event.movementX, event.movementY) > 4) stop();
      });
    }
    this.container.addEventListener("contextmenu", (event) => this.pressed && event.preventDefault());
  }
}

/** The height of what stays at the top of the window. */
export const headHeight = () => document.querySelector("header.top").offsetHeight;
