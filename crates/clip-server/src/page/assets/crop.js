// Choosing a part of a picture: with the mouse, a finger or the keyboard.

import { button, h, say } from "./dom.js";

const LEAST = 0.04;
const STEP = 0.02;

/**
 * Lays a frame over `image`, which is shown in `stage` with object-fit: contain. Calls `done([x, y, width, height])`, in fractions
 * of the picture, or `cancel()`. Returns what takes the frame away.
 */
export function chooseCrop(stage, image, done, cancel) {
  let rect = { x: 0.2, y: 0.2, w: 0.6, h: 0.6 };
  const corners = ["nw", "ne", "sw", "se"].map((name) => h("i", { class: `corner ${name}` }));
  corners.forEach((corner, at) => (corner.corner = at));
  const frame = h(
    "div",
    { class: "crop-frame", tabIndex: 0, role: "group", "aria-label": "Part to search for. Arrows move it, Shift and arrows change its size, Enter searches.", onkeydown: key },
    corners,
  );
  const overlay = h("div", { class: "crop" }, frame);
  const bar = h(
    "div",
    { class: "crop-bar" },
    h("span", {}, "Drag over the part to search for"),
    button("search", "Search this part", () => done(fractions()), { text: true, class: "button main" }),
    button("close", "Cancel", cancel, { text: true }),
  );
  stage.append(overlay, bar);
  stage.classList.add("cropping");

  /** Where the picture is within the stage. */
  function place() {
    const outer = stage.getBoundingClientRect();
    const box = image.getBoundingClientRect();
    const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight) || 1;
    const [width, height] = [image.naturalWidth * scale, image.naturalHeight * scale];
    Object.assign(overlay.style, {
      left: `${box.left - outer.left + (box.width - width) / 2}px`,
      top: `${box.top - outer.top + (box.height - height) / 2}px`,
      width: `${width}px`,
      height: `${height}px`,
    });
    show();
  }

  function show() {
    const percent = (value) => `${value * 100}%`;
    Object.assign(frame.style, { left: percent(rect.x), top: percent(rect.y), width: percent(rect.w), height: percent(rect.h) });
  }

  const fractions = () => [rect.x, rect.y, rect.w, rect.h].map((value) => Number(value.toFixed(4)));
  const within = (value) => Math.min(1, Math.max(0, value));

  function key(event) {
    if (event.key === "Enter") {
      event.preventDefault();
      event.stopPropagation();
      return done(fractions());
    }
    const [dx, dy] = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key] ?? [0, 0];
    if (!dx && !dy) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.shiftKey) {
      rect.w = Math.min(1 - rect.x, Math.max(LEAST, rect.w + dx));
      rect.h = Math.min(1 - rect.y, Math.max(LEAST, rect.h + dy));
    } else {
      rect.x = Math.min(1 - rect.w, within(rect.x + dx));
      rect.y = Math.min(1 - rect.h, within(rect.y + dy));
    }
    show();
    const percent = (value) => Math.round(value * 100);
    say(`From ${percent(rect.x)} to ${percent(rect.x + rect.w)} percent across, ${percent(rect.y)} to ${percent(rect.y + rect.h)} percent down`);
  }

  overlay.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    overlay.setPointerCapture(event.pointerId);
    frame.focus({ preventScroll: true });
    const box = overlay.getBoundingClientRect();
    const point = (event) => [within((event.clientX - box.left) / box.width), within((event.clientY - box.top) / box.height)];
    const [x, y] = point(event);
    const before = { ...rect };
    const { corner } = event.target;
    // The corner that stays where it is, or none if the whole frame moves.
    let fixed = null;
    if (corner !== undefined) fixed = [rect.x + (corner % 2 ? 0 : rect.w), rect.y + (corner < 2 ? rect.h : 0)];
    else if (event.target !== frame) fixed = [x, y];
    const move = (event) => {
      const [toX, toY] = point(event);
      if (fixed) {
        rect = { x: Math.min(fixed[0], toX), y: Math.min(fixed[1], toY), w: Math.abs(toX - fixed[0]), h: Math.abs(toY - fixed[1]) };
      } else {
        rect.x = Math.min(1 - rect.w, within(before.x + toX - x));
        rect.y = Math.min(1 - rect.h, within(before.y + toY - y));
      }
      show();
    };
    const up = () => {
      overlay.removeEventListener("pointermove", move);
      // A click is not a part.
      if (rect.w < LEAST || rect.h < LEAST) rect = before;
      show();
    };
    overlay.addEventListener("pointermove", move);
    overlay.addEventListener("pointerup", up, { once: true });
    overlay.addEventListener("pointercancel", up, { once: true });
  });

  const observer = new ResizeObserver(place);
  observer.observe(stage);
  image.addEventListener("load", place);
  place();
  frame.focus({ preventScroll: true });
  return () => {
    observer.disconnect();
    image.removeEventListener("load", place);
    overlay.remove();
    bar.remove();
    stage.classList.remove("cropping");
  };
}

/** A part of a picture as a picture of its own. Pictures that the browser cannot decode throw. */
export async function cutOut(blob, [x, y, width, height]) {
  const bitmap = await createImageBitmap(blob);
  const [w, hgt] = [Math.max(1, Math.round(bitmap.width * width)), Math.max(1, Math.round(bitmap.height * height))];
  // The server makes it smaller anyway.
  const scale = Math.min(1, 1024 / Math.max(w, hgt));
  const canvas = h("canvas", { width: Math.max(1, Math.round(w * scale)), height: Math.max(1, Math.round(hgt * scale)) });
  canvas.getContext("2d").drawImage(bitmap, bitmap.width * x, bitmap.height * y, w, hgt, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return new Promise((resolve, reject) => canvas.toBlob((part) => (part ? resolve(part) : reject(new Error("not cut out"))), "image/jpeg", 0.92));
}
