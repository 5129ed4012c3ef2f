// Small things that every part of the page needs: elements, words for people, messages.

export const $ = (id) => document.getElementById(id);

/** An element. Properties named on… are listeners, class and aria-… are attributes, all others are properties. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class" || name === "role" || name === "for" || name.includes("-")) element.setAttribute(name, value === true ? "" : value);
    else element[name] = value;
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export const icon = (name) => svg("svg", { class: "i", "aria-hidden": "true" }, svg("use", { href: `#i-${name}` }));

/** A button with an icon; the label is shown if `text` is true, else it is a tooltip. */
export function button(name, label, onclick, { text = false, ...props } = {}) {
  const named = text ? {} : { "aria-label": label, title: label };
  return h("button", { type: "button", class: text ? "button" : "icon", onclick, ...named, ...props }, icon(name), text && h("span", {}, label));
}

/**
 * Text that others chose, fit to be shown: without controls and signs that turn its direction around, which could make one
 * file look like another. The server does the same.
 */
export const shown = (text) => String(text ?? "").replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u2028\u2029]/g, "\ufffd");

/** What follows the last separator of a path. */
export const nameOf = (path) => shown(path.split(/[/\\]/).pop() || path);

// The page speaks English, so dates and numbers do as well, in the reader's own kind of English where there is one.
const locale = navigator.language?.startsWith("en") ? navigator.language : "en-GB";
const numbers = new Intl.NumberFormat(locale);
// Times are those of the clock where the photo was taken, written as if in UTC.
const dated = (options) => new Intl.DateTimeFormat(locale, { timeZone: "UTC", ...options });
const formats = {
  day: dated({ day: "numeric", month: "long", year: "numeric" }),
  weekday: dated({ weekday: "long", day: "numeric", month: "long", year: "numeric" }),
  month: dated({ month: "long", year: "numeric" }),
  time: dated({ day: "numeric", month: "long", year: "numeric", hour: "numeric", minute: "2-digit" }),
  // What happened on this machine is told by the clock here.
  moment: dated({ day: "numeric", month: "long", year: "numeric", hour: "numeric", minute: "2-digit", timeZone: undefined }),
};
export const number = (value) => numbers.format(value);
export const photos = (count) => (count === 1 ? "1 photo" : `${number(count)} photos`);
/** `kind` is day, weekday, month, time or moment; `when` is in seconds since 1970, or like 2019-06-04. */
export const date = (kind, when) => formats[kind].format(typeof when === "number" ? when * 1000 : Date.parse(when));
export function bytes(size) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (size >= 1000 && unit < 4) [size, unit] = [size / 1000, unit + 1];
  return `${new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 }).format(size)} ${units[unit]}`;
}

/** Has a screen reader say this, once it has said what it is at. */
let saying;
export function say(text) {
  clearTimeout(saying);
  saying = setTimeout(() => ($("live").textContent = text), 250);
}

/** Shows a message for a few seconds. */
let fading;
export function toast(text) {
  const element = $("toast");
  // What is outside of an open dialog is inert and covered by it.
  (document.querySelector("dialog[open]") ?? document.body).append(element);
  element.textContent = text;
  element.hidden = false;
  clearTimeout(fading);
  fading = setTimeout(() => {
    element.hidden = true;
    document.body.append(element);
  }, 4500);
}

export async function copy(text, what) {
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else copyOldWay(text);
    toast(`${what} copied`);
  } catch {
    toast("The browser does not allow copying here");
  }
}

/** Browsers have `navigator.clipboard` only on this machine and over HTTPS. */
function copyOldWay(text) {
  const area = h("textarea", { value: text, class: "sr", "aria-hidden": "true" });
  const before = document.activeElement;
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  before?.focus();
  if (!done) throw new Error("not copied");
}

/** Has the browser save a blob as a file. */
export function save(blob, name) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export const isTyping = (target) => target instanceof Element && target.closest("input:not([type=checkbox]),textarea,select,[contenteditable]") !== null;
