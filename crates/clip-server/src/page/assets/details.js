// One photo, large, with all that is known of it.

import * as api from "./api.js";
import { bytes, button, copy, date, h, icon, nameOf, number, say, shown } from "./dom.js";

/** Members that are shown in their own way, or are nothing to read. */
const DONE = new Set(
  "utc_offset rank score adjusted relevance match path path_bytes id item position width height taken_at camera lens gps missing duplicates alike title description keywords people label rating place iso focal_length aperture exposure_time size modified_at kind name folder duration rotation frames".split(" "),
);

export class Details {
  /**
   * `on`: closed(index), moved(index, photo), more(photo), less(photo), crop(photo, rectangle), search(q), href(q).
   */
  constructor(dialog, selection, on) {
    this.dialog = dialog;
    this.selection = selection;
    this.on = on;
    this.image = h("img", { alt: "" });
    this.back = button("left", "Previous photo", () => this.step(-1), { class: "icon step back" });
    this.forth = button("right", "Next photo", () => this.step(1), { class: "icon step forth" });
    this.stage = h("div", { class: "stage" }, this.image, this.back, this.forth);
    this.facts = h("div", { class: "facts" });
    dialog.append(this.stage, this.facts);
    dialog.addEventListener("cancel", (event) => {
      if (!this.uncrop) return;
      event.preventDefault();
      this.stopCrop();
    });
    dialog.addEventListener("close", () => {
      this.stopCrop();
      this.abort?.abort();
      this.image.removeAttribute("src");
      this.stop();
      const { index } = this;
      const closed = this.photo !== undefined;
      this.photo = undefined;
      if (closed) this.on.closed(index);
    });
    dialog.addEventListener("keydown", (event) => this.key(event));
    this.listenForSwipes();
  }

  get isOpen() {
    return this.dialog.open;
  }

  /** Shows a photo; `index` is its place in `results`, if it has one, and `hit` what is known of it already. */
  async open(id, { index = null, results = null, hit = null } = {}) {
    this.stopCrop();
    this.index = index;
    this.results = results;
    this.photo = hit ?? { id };
    this.show(api.thumbnail(id, 240, hit?.position), this.large(id, hit?.position));
    this.play();
    this.dialog.classList.remove("picture");
    this.render(this.photo);
    if (!this.dialog.open) this.dialog.showModal();
    this.buttons();
    this.abort?.abort();
    this.abort = new AbortController();
    try {
      const photo = await api.photo(id, this.abort.signal);
      this.photo = { ...hit, ...photo };
      this.play();
      this.render(this.photo);
    } catch (error) {
      if (error.name !== "AbortError") this.problem.textContent = error.message;
    }
  }

  /** A photo that was opened by its URL has neighbours if it is among the first results. */
  place(results) {
    if (!this.dialog.open || !this.photo || this.index !== null) return;
    const index = results.first.results.findIndex((hit) => hit.id === this.photo.id);
    if (index < 0) return;
    this.index = index;
    this.results = results;
    this.buttons();
  }

  /** Shows a picture that is not in the library, to choose a part of it. */
  openPicture(url, done) {
    this.stopCrop();
    this.stop();
    this.photo = undefined;
    this.results = this.index = null;
    this.dialog.classList.add("picture");
    this.show(url, url);
    this.facts.replaceChildren(this.head("Your picture"));
    if (!this.dialog.open) this.dialog.showModal();
    this.buttons();
    this.crop((rectangle) => {
      this.dialog.close();
      done(rectangle);
    });
  }

  /** Shows what is there at once, and something larger when that has come. */
  show(small, large) {
    this.image.src = small;
    const image = new Image();
    image.onload = () => this.wanted === large && (this.image.src = large);
    this.wanted = image.src = large;
  }

  /** The thumbnail that is as high as the stage will be. */
  large(id, at) {
    return api.thumbnail(id, innerHeight * devicePixelRatio > 1100 ? 1920 : 960, at);
  }

  /** Puts a video in the place of its picture, at the moment that was found. */
  play() {
    const { id, kind, time } = this.photo;
    const src = `${api.file(id)}#t=${time ?? 0}`;
    if (this.video?.getAttribute("src") === src) return;
    this.stop();
    if (kind !== "video") return;
    this.video = h("video", { src, controls: true, preload: "metadata", poster: this.wanted });
    this.image.after(this.video);
  }

  stop() {
    this.video?.remove();
    this.video = undefined;
  }

  close() {
    this.dialog.close();
  }

  buttons() {
    const known = this.results !== null && this.index !== null;
    this.back.hidden = this.forth.hidden = !known;
    this.back.disabled = !known || this.index <= 0;
    this.forth.disabled = !known || this.index >= this.results.length - 1;
  }

  async step(way) {
    const index = this.index + way;
    if (!this.results || index < 0 || index >= this.results.length || this.uncrop) return;
    const [hit] = await this.results.load(index, index + 1).catch(() => []);
    if (!hit || !this.dialog.open) return;
    this.open(hit.id, { index, results: this.results, hit });
    this.on.moved(index, hit);
    say(nameOf(hit.path));
    const [next] = this.results.has(index + way, index + way + 1) ? [this.results.get(index + way)] : [];
    if (next) new Image().src = this.large(next.id);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || this.uncrop || this.dialog.classList.contains("picture")) return;
    const act = {
      ArrowLeft: () => this.step(-1),
      ArrowRight: () => this.step(1),
      m: () => this.on.more(this.photo),
      l: () => this.on.less(this.photo),
      c: () => this.startCrop(),
      s: () => this.selection.toggle(this.photo),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  startCrop() {
    this.crop((rectangle) => this.on.crop(this.photo, rectangle));
  }

  async crop(done) {
    this.stopCrop();
    const { wanted } = this;
    const { chooseCrop } = await import("./crop.js");
    if (this.uncrop || this.wanted !== wanted || !this.dialog.open) return;
    this.uncrop = chooseCrop(this.stage, this.image, done, () => (this.dialog.classList.contains("picture") ? this.close() : this.stopCrop()));
  }

  stopCrop() {
    if (!this.uncrop) return;
    this.uncrop();
    this.uncrop = null;
    this.facts.querySelector("h2")?.focus();
  }

  head(title) {
    return h("header", { class: "head" }, h("h2", { tabIndex: -1, autofocus: true }, h("bdi", {}, title)), button("close", "Close", () => this.close()));
  }

  render(photo) {
    const focused = this.facts.contains(document.activeElement) && document.activeElement.dataset.key;
    const name = shown(photo.name ?? nameOf(photo.path ?? ""));
    this.image.alt = name;
    this.problem = h("p", { role: "alert", class: "problem" });
    const selected = this.selection.has(photo.id);
    const select = button("check", "Select", () => {
      this.selection.toggle(this.photo);
      select.setAttribute("aria-pressed", this.selection.has(photo.id));
    }, { text: true, "aria-pressed": String(selected), "data-key": "select" });
    const actions = h(
      "div",
      { class: "actions" },
      button("more", "More like this", () => this.on.more(this.photo), { text: true, class: "button main", "data-key": "more" }),
      button("less", "Less like this", () => this.on.less(this.photo), { text: true, "data-key": "less" }),
      button("crop", "Search a part", () => this.startCrop(), { text: true, "data-key": "crop" }),
      h("a", { class: "button files", href: api.file(photo.id), target: "_blank", rel: "noopener", "data-key": "open" }, icon("open"), h("span", {}, "Open file")),
      h("a", { class: "button files", href: api.file(photo.id, true), download: "", "data-key": "download" }, icon("down"), h("span", {}, "Download")),
      button("copy", "Copy path", () => copy(this.photo.path, "Path"), { text: true, "data-key": "copy" }),
      select,
    );
    this.facts.replaceChildren(this.head(name || "Photo"), this.problem, ...this.words(photo), actions, this.list(photo));
    if (focused) this.facts.querySelector(`[data-key="${focused}"]`)?.focus();
    else if (this.dialog.open && !this.dialog.contains(document.activeElement)) this.facts.querySelector("h2").focus();
  }

  words(photo) {
    return [
      photo.missing && h("p", { class: "problem" }, "There is no file at this path at present."),
      photo.title && h("p", { class: "title" }, h("bdi", {}, shown(photo.title))),
      photo.description && h("p", {}, h("bdi", {}, shown(photo.description))),
    ].filter(Boolean);
  }

  /** A link to a search. */
  link(text, q) {
    return h("a", { href: this.on.href(q), onclick: (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.on.search(q);
    } }, h("bdi", {}, shown(text)));
  }

  list(photo) {
    const list = h("dl");
    const row = (name, ...values) => {
      const there = values.flat().filter((value) => value !== null && value !== undefined && value !== "" && value !== false);
      if (there.length) list.append(h("div", {}, h("dt", {}, name), h("dd", {}, there.flatMap((value, at) => (at ? [" · ", value] : [value])))));
    };
    const quoted = (field, value) => `${field}:"${String(value).replaceAll('"', "")}"`;
    const many = (field, values) => (values ?? []).map((value) => this.link(value, quoted(field, value)));
    if (typeof photo.taken_at === "number") {
      const taken = photo.taken_at + (photo.utc_offset ?? 0) * 60;
      row("Taken", this.link(date("time", taken), `on:${new Date(taken * 1000).toISOString().slice(0, 10)}`));
    }
    const near = photo.gps && `near:${photo.gps.map((degrees) => degrees.toFixed(3)).join(",")},5`;
    row("Place", photo.place && (near ? this.link(photo.place, near) : shown(photo.place)), photo.gps && this.link(position(photo.gps), near));
    row("People", many("person", photo.people));
    row("Keywords", many("tag", photo.keywords));
    row("Rating", photo.rating && h("span", { role: "img", "aria-label": `${photo.rating} of 5 stars` }, "★".repeat(photo.rating) + "☆".repeat(Math.max(0, 5 - photo.rating))));
    row("Label", photo.label && this.link(photo.label, quoted("label", photo.label)));
    row("Camera", photo.camera && this.link(photo.camera, quoted("camera", photo.camera)), photo.lens && this.link(photo.lens, quoted("lens", photo.lens)));
    row(
      "Exposure",
      photo.exposure_time !== undefined && `${photo.exposure_time} s`,
      photo.aperture !== undefined && `f/${photo.aperture}`,
      photo.focal_length !== undefined && `${number(photo.focal_length)} mm`,
      photo.iso !== undefined && `ISO ${photo.iso}`,
    );
    if (photo.width) row("Picture", `${number(photo.width)} × ${number(photo.height)}`, photo.size && bytes(photo.size), photo.kind && photo.kind !== "photo" && shown(photo.kind));
    const length = photo.duration && clock(photo.duration);
    row("Video", length && this.link(length, `duration:${length}`), photo.frames && `frames: ${number(photo.frames)}`);
    row("Folder", photo.folder && h("bdi", { class: "path" }, shown(photo.folder)));
    if (photo.modified_at) row("Changed", date("moment", photo.modified_at));
    if (typeof photo.relevance === "number") row("Relevance", `${Math.round(photo.relevance * 100)} %`, !photo.match && "weak match");
    const others = (name, files) => row(name, (files ?? []).map((file) => h("a", { href: api.file(file.id), target: "_blank", rel: "noopener", title: shown(file.path), class: "path" }, h("bdi", {}, shown(file.path)))));
    others("Copies", photo.duplicates);
    others("Alike", photo.alike);
    row("Number", String(photo.id));
    for (const [name, value] of Object.entries(photo)) {
      if (!DONE.has(name) && value !== null && value !== "") row(shown(name.replaceAll("_", " ")), shown(typeof value === "object" ? JSON.stringify(value) : value));
    }
    return list;
  }

  listenForSwipes() {
    let start = null;
    this.stage.addEventListener("pointerdown", (event) => (start = event.pointerType === "mouse" ? null : [event.clientX, event.clientY]));
    this.stage.addEventListener("pointerup", (event) => {
      if (!start || this.uncrop) return;
      const [dx, dy] = [event.clientX - start[0], event.clientY - start[1]];
      start = null;
      if (Math.abs(dx) > 50 && Math.abs(dx) > 2 * Math.abs(dy)) this.step(dx < 0 ? 1 : -1);
    });
  }
}

/** Seconds as "1:23" or "1:02:03"; a day and more begins again. */
const clock = (seconds) => new Date(seconds * 1000).toISOString().slice(seconds < 3600 ? 14 : 11, 19).replace(/^0/, "");

const position = ([latitude, longitude]) =>
  `${Math.abs(latitude).toFixed(4)}° ${latitude < 0 ? "S" : "N"}, ${Math.abs(longitude).toFixed(4)}° ${longitude < 0 ? "W" : "E"}`;
