// The selected photos, the bar that says what can be done with them, and export.

import * as api from "./api.js";
import { $, button, copy, h, photos, save, toast } from "./dom.js";

export class Selection extends EventTarget {
  #photos = new Map();

  get size() {
    return this.#photos.size;
  }
  has(id) {
    return this.#photos.has(id);
  }
  photos() {
    return [...this.#photos.values()];
  }
  toggle(photo) {
    if (!this.#photos.delete(photo.id)) this.#photos.set(photo.id, photo);
    this.#changed();
  }
  add(photos) {
    for (const photo of photos) this.#photos.set(photo.id, photo);
    this.#changed();
  }
  set(photos) {
    this.#photos.clear();
    this.add(photos);
  }
  clear() {
    if (this.size) this.set([]);
  }
  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** The bar at the bottom. `more(photos)` searches for photos like these. */
export function selectionBar(selection, more) {
  const bar = $("selection");
  const count = h("span", { class: "count", role: "status" });
  const text = { text: true };
  bar.append(
    button("close", "Unselect", () => selection.clear()),
    count,
    h(
      "div",
      { class: "actions" },
      button("more", "More like these", () => more(selection.photos()), text),
      button("copy", "Copy paths", () => copy(selection.photos().map((photo) => photo.path).join("\n"), "Paths"), text),
      button("link", "Copy links", () => copy(selection.photos().map((photo) => new URL(api.file(photo.id), location.href).href).join("\n"), "Links"), text),
      button("list", "Save list", () => list(selection), text),
      button("down", "Download ZIP", () => zip(selection), { ...text, class: "button files" }),
    ),
  );
  selection.addEventListener("change", () => {
    // The bar must not vanish with the focus.
    if (!selection.size && bar.contains(document.activeElement)) $("results").focus({ preventScroll: true });
    bar.hidden = !selection.size;
    count.textContent = `${photos(selection.size)} selected`;
    document.body.classList.toggle("has-selection", selection.size > 0);
  });
}

async function list(selection) {
  try {
    save(await api.paths(selection.photos().map((photo) => photo.id)), "photos.txt");
  } catch (error) {
    toast(error.message);
  }
}

/** A form, so that the browser writes the archive to the disk as it comes. */
function zip(selection) {
  const ids = selection.photos().map((photo) => photo.id);
  const field = (name, value) => h("input", { type: "hidden", name, value });
  const form = h("form", { method: "post", action: "/api/v1/export", hidden: true }, field("ids", ids.join(",")), field("as", "zip"));
  document.body.append(form);
  form.submit();
  form.remove();
  toast(`Packing ${photos(selection.size)}`);
}
