// What the query was understood as: a chip for each part, which takes the part away.

import * as api from "./api.js";
import { h, icon, shown } from "./dom.js";

/**
 * `understood` is from the answer; `own` are chips of this page, for pictures that are no part of the text:
 * {label, image, remove, crop}. `href(q)` is the link for another query, `go(q)` goes there.
 */
export function renderChips(list, understood, own, { href, go }) {
  // A description alone is in the box already.
  const parts = understood.filter((part) => part.kind !== "picture" || part.text);
  const worth = own.length || parts.some((part) => part.kind !== "text");
  list.replaceChildren(
    ...own.map((chip) =>
      h(
        "li",
        { class: "chip like" },
        chip.image,
        h("bdi", {}, chip.label),
        chip.crop && h("button", { type: "button", class: "part", "aria-label": `Search for a part of ${chip.label}`, title: "Search for a part of it", onclick: chip.crop }, icon("crop")),
        h("button", { type: "button", class: "part", "aria-label": `Remove ${chip.label}`, onclick: chip.remove }, icon("close")),
      ),
    ),
    ...(worth ? parts.map((part) => h("li", {}, chipLink(part, href, go))) : []),
  );
}

function chipLink(part, href, go) {
  const like = /^-?(?:[\d.]+:)?like:(\d+)$/.exec(part.text ?? "");
  return h(
    "a",
    {
      class: `chip ${part.kind === "like" ? "like" : ""}`,
      href: href(part.without),
      onclick: (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        go(part.without);
      },
    },
    like && h("img", { src: api.thumbnail(like[1], 120), alt: "" }),
    h("span", { class: "sr" }, "Remove "),
    h("bdi", {}, shown(part.label || part.text)),
    icon("close"),
  );
}

/** A query without some of its words, and without the plus signs that would join nothing then. */
export const without = (q, leaveOut) =>
  q
    .replace(leaveOut, "$1")
    .replace(/(^|\s)\+(\s+\+)+/g, "$1+")
    .replace(/^[\s+]+|\s[\s+]*$/g, "");

/** The condition that sets a place. */
export const NEAR = /(^|\s)near:\S+/g;

/** A small square picture of a part of an image: `crop` is [x, y, width, height] in fractions. */
export function cropImage(src, crop) {
  const canvas = h("canvas", { width: 64, height: 64, "aria-hidden": "true" });
  const image = new Image();
  image.onload = () => {
    const [x, y, width, height] = crop;
    const [w, hgt] = [image.naturalWidth * width, image.naturalHeight * height];
    const side = Math.min(w, hgt);
    canvas.getContext("2d").drawImage(image, image.naturalWidth * x + (w - side) / 2, image.naturalHeight * y + (hgt - side) / 2, side, side, 0, 0, 64, 64);
  };
  image.src = src;
  return canvas;
}
