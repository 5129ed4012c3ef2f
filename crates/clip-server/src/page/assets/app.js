// The page: what is asked for is in the URL, and what is shown follows from it.

import * as api from "./api.js";
import { NEAR, cropImage, renderChips, without } from "./chips.js";
import { Details } from "./details.js";
import { $, h, isTyping, photos, say, shown, toast } from "./dom.js";
import { Grid } from "./grid.js";
import { library } from "./library.js";
import { PAGE, Results } from "./results.js";
import { Selection, selectionBar } from "./selection.js";
import { FEW, Timeline } from "./timeline.js";

/** After a key, how long to wait for the next one. The first key of a word is not waited after. */
const PAUSE = 40;

// What is asked for

/** The parameters of the URL: the query, what belongs to it, how it is shown, and the photo that is open. */
const NAMES = ["q", "like", "crop", "picture", "sort", "days", "map", "photo"];
const read = () => Object.fromEntries(NAMES.map((name) => [name, new URLSearchParams(location.search).get(name) ?? ""]));

function href(changes) {
  const query = new URLSearchParams();
  const to = { ...state, ...changes };
  for (const name of NAMES) if (to[name]) query.set(name, to[name]);
  return query.size ? `/?${query}` : "/";
}

let state = read();
/** The picture that was dropped, pasted or picked: {token, blob, url}. Older ones are kept for the back button. */
const pictures = new Map();
let shownKey = null;
let results = null;
let ranked = false;
let answered = null;

/** Goes to another state; `how` is push or replace, or typing for replace in a moment: browsers count such calls and stop heeding them. */
function go(changes, how = "push") {
  if (how === "push") remember();
  const to = href(changes);
  state = { ...state, ...changes };
  clearTimeout(writing);
  if (how === "push" && to !== location.pathname + location.search) history.pushState({ opened: Boolean(changes.photo) }, "", to);
  else if (how === "typing") writing = setTimeout(write, 300);
  else write();
  update();
}

let writing;
function write() {
  clearTimeout(writing);
  history.replaceState(history.state, "", href({}));
}

/** Keeps with the entry of the history where the page is. */
function remember() {
  if (results) history.replaceState({ ...history.state, index: grid.topmost() }, "", href({}));
}

/** Another query has no picture, unless it says so, and shows its results from the beginning. */
const search = (changes, how) => go({ photo: "", ...changes }, how);

// Parts of the page

const box = $("q");
const selection = new Selection();
const grid = new Grid($("results"), selection, {
  open: (index, photo) => go({ photo: String(photo.id), index }),
  more: (photo) => like([photo], ""),
  less: (photo) => like([photo], "-"),
  crop: (index, photo) => {
    go({ photo: String(photo.id), index });
    details.startCrop();
  },
  href: (photo) => href({ photo: String(photo.id) }),
  layout: () => timeline?.soon(true),
});
const timeline = new Timeline($("timeline"), grid);
const details = new Details($("details"), selection, {
  closed: (index) => {
    if (!state.photo) return;
    if (history.state?.opened) {
      state.photo = "";
      history.back();
    } else go({ photo: "" }, "replace");
    if (index !== null && index !== undefined) grid.focus(index);
  },
  moved: (index, photo) => {
    state = { ...state, photo: String(photo.id) };
    write();
  },
  more: (photo) => fromDetails(() => like([photo], "")),
  less: (photo) => fromDetails(() => like([photo], "-")),
  crop: (photo, rectangle) => fromDetails(() => search({ q: "", like: String(photo.id), crop: rectangle.join(","), picture: "" })),
  search: (q) => fromDetails(() => search({ q, like: "", crop: "", picture: "" })),
  href: (q) => `/?${new URLSearchParams({ q })}`,
});
selectionBar(selection, (photos) => {
  selection.clear();
  like(photos.slice(0, 20), "");
});

/** Does what closes the details; then the focus belongs to the new results. */
function fromDetails(act) {
  grid.takesFocus = true;
  act();
}

function like(photos, sign) {
  const same = new RegExp(`(^|\\s)-?like:(${photos.map((photo) => photo.id).join("|")})(?!\\S)`, "g");
  search({ q: [without(state.q, same), ...photos.map((photo) => `${sign}like:${photo.id}`)].join(" ").trim() });
}

// Searching

const parameters = () => ({ q: state.q, like: state.like, crop: state.crop, picture: state.picture, sort: state.days ? "date" : state.sort });

let asking = null;
let ready = null;

/** Brings what is shown in line with `state`. */
async function update({ index = 0, force = false } = {}) {
  if (document.activeElement !== box || !typing) box.value = state.q;
  $("clear").hidden = !box.value;
  $("days").setAttribute("aria-pressed", Boolean(state.days));
  document.title = state.q ? `${shown(state.q)} – clip-search` : "clip-search";
  showMap();
  showPhoto();
  const key = JSON.stringify({ ...parameters(), days: state.days });
  if (key === shownKey && !force) return;
  shownKey = key;
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  const slow = setTimeout(() => $("search").classList.add("busy"), 150);
  try {
    const params = parameters();
    const [answer, days] = await Promise.all([firstPage(params, signal), state.days ? daysOf(params, signal) : null]);
    if (signal.aborted) return;
    const isByDate = show(params, answer, days, index);
    if (!days && isByDate) daysOf(params, signal).then((days) => !signal.aborted && timeline.show(days));
  } catch (error) {
    if (error.name !== "AbortError" && !signal.aborted) fail(error);
  } finally {
    clearTimeout(slow);
    if (!signal.aborted) $("search").classList.remove("busy");
  }
}

async function firstPage(params, signal) {
  // A picture that was just sent has its answer already.
  if (ready?.picture === params.picture && ready.key === JSON.stringify(params)) {
    const { answer } = ready;
    ready = null;
    return answer;
  }
  try {
    return await api.search({ ...params, limit: PAGE, offset: 0 }, signal);
  } catch (error) {
    const picture = pictures.get(params.picture);
    if (error.status !== 410 || !picture) throw error;
    // The server has forgotten the picture, and this page has not.
    const answer = await api.searchPicture(picture.blob, { q: params.q, sort: params.sort, limit: PAGE, offset: 0 }, signal);
    pictures.set(answer.picture, picture);
    params.picture = state.picture = answer.picture;
    write();
    shownKey = JSON.stringify({ ...parameters(), days: state.days });
    return answer;
  }
}

const daysOf = (params, signal) =>
  api.timeline({ ...params, sort: "" }, signal).then(
    (answer) => answer.days,
    () => [],
  );

function show(params, answer, days, index) {
  results?.close();
  results = new Results(params, answer);
  results.addEventListener("problem", ({ detail }) => toast(detail.message));
  answered = answer;
  // Conditions alone give no scores; then the newest come first.
  ranked = (params.sort === "" || params.sort === "relevance") && answer.results.some((photo) => typeof photo.score === "number");
  const first = $("sort").options[0];
  first.hidden = !ranked && !params.sort;
  $("sort").value = params.sort || (ranked || !answer.results.length ? "" : "date");
  failure("");
  $("paging").hidden = true;
  $("fresh").hidden = true;
  chips(answer);
  const words = summary(answer);
  $("summary").textContent = words;
  $("main").classList.toggle("no-match", ranked && !answer.matches);
  empty(answer);
  const isByDate = !ranked && ["", "date", "relevance"].includes(params.sort);
  // The timeline comes later; until then there is room for it, so that nothing moves.
  document.body.classList.toggle("has-timeline", isByDate && results.length > FEW);
  grid.show(results, days, Math.min(index, Math.max(0, results.length - 1)));
  if (!isByDate || days) timeline.show(isByDate ? days : null);
  details.place(results);
  say(words || "No photo meets these conditions");
  return isByDate;
}

function summary({ matches, results: found }) {
  const { total } = results;
  if (!found.length) return "";
  if (ranked && !matches) return "Nothing matches well. The nearest are:";
  if (total === null) return ranked ? "Best matches" : "Photos";
  return ranked ? `Best of ${photos(total)}` : photos(total);
}

function empty({ results: found }) {
  const panel = $("empty");
  panel.hidden = found.length > 0;
  if (found.length) return;
  const any = Object.values(parameters()).some(Boolean);
  panel.replaceChildren(
    h("p", { class: "title" }, any ? "No photo meets these conditions" : "No photos yet"),
    h("p", { class: "faint" }, any ? "Take one of them away, above, or search for something else." : "Photos appear here as they are indexed."),
    any ? h("a", { class: "button", href: "/" }, "Show all photos") : h("button", { type: "button", class: "button", onclick: () => openLibrary() }, "Open the library"),
  );
}

function chips(answer) {
  const own = [];
  const picture = state.picture && pictures.get(state.picture);
  if (state.picture) {
    own.push({
      label: picture?.part ? "Part of your picture" : "Your picture",
      image: picture && h("img", { src: picture.url, alt: "", onerror: (event) => event.target.remove() }),
      remove: () => search({ picture: "" }),
      crop: picture && (() => details.openPicture((picture.whole ?? picture).url, (rectangle) => cropPicture(picture.whole ?? picture, rectangle))),
    });
  }
  if (state.like) {
    const crop = state.crop.split(",").map(Number);
    own.push({
      label: state.crop ? `Part of photo ${state.like}` : `Like photo ${state.like}`,
      image: state.crop ? cropImage(api.thumbnail(state.like, 480), crop) : h("img", { src: api.thumbnail(state.like, 120), alt: "" }),
      remove: () => search({ like: "", crop: "" }),
    });
  }
  const hadFocus = $("chips").contains(document.activeElement);
  renderChips($("chips"), answer.query?.understood ?? [], own, { href: (q) => href({ q, photo: "" }), go: (q) => search({ q }) });
  if (hadFocus) ($("chips").querySelector("a, button") ?? box).focus();
}

function fail(error) {
  shownKey = null;
  if (error.isEmpty) return show(parameters(), { results: [], total: 0, matches: true }, null, 0);
  if (error.status === 400 || error.status === 422) return failure(error.message, error.position);
  if (error.status === 410) return failure("The server does not hold your picture any more. Drop it again.");
  failure(`${error.message}.`.replace(/\.\.$/, "."));
  // It may have too much to do, or be on its way.
  if (error.status === 0 || error.status === 503) setTimeout(() => shownKey === null && update(), error.status ? 1000 : 3000);
}

/** Says what is wrong with the query; `position` is in bytes of it. */
function failure(text, position = null) {
  box.toggleAttribute("aria-invalid", Boolean(text));
  $("failure").replaceChildren(shown(text));
  const bytes = new TextEncoder().encode(state.q);
  if (!text || position === null || position >= bytes.length) return;
  const before = new TextDecoder().decode(bytes.slice(0, position));
  const [sign, ...after] = state.q.slice(before.length);
  $("failure").append(h("code", {}, shown(before), h("mark", {}, shown(sign)), shown(after.join(""))));
}

// Typing

let typing = false;
let pausing;
let lastKey = 0;

function typed() {
  const q = box.value.trim();
  $("clear").hidden = !box.value;
  if (q === state.q) return;
  // The keys of one visit to the box are one entry of the history.
  search({ q }, typing ? "typing" : "push");
  typing = true;
}

box.addEventListener("input", (event) => {
  clearTimeout(pausing);
  if (event.isComposing) return;
  const now = performance.now();
  const pause = now - lastKey > 400 ? 0 : PAUSE;
  lastKey = now;
  pausing = setTimeout(typed, pause);
});
box.addEventListener("compositionend", typed);
box.addEventListener("blur", () => (typing = false));
box.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown" || event.key === "Escape") {
    event.preventDefault();
    if (event.key === "Escape" && box.value) clear();
    else if (results?.length) grid.focus(grid.topmost());
  }
});
$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(pausing);
  typed();
  typing = false;
  // On a phone, the keyboard on the screen gives way to the photos.
  if (matchMedia("(pointer: coarse)").matches) box.blur();
});
$("clear").addEventListener("click", clear);
function clear() {
  box.value = "";
  typing = false;
  search({ q: "" });
  box.focus();
}

// Order

$("sort").addEventListener("change", (event) => go({ sort: event.target.value, days: event.target.value === "date" ? state.days : "" }));
$("days").addEventListener("click", () => go({ days: state.days ? "" : "1", sort: state.days ? state.sort : "" }));

// Pictures

const isPicture = (file) => file && (file.type.startsWith("image/") || /\.(hei[cf]|avif|jxl|dng|nef|cr[23]|arw|orf|rw2|raf|tiff?)$/i.test(file.name));

async function searchPicture(blob, extra = {}) {
  const params = { q: "", like: "", crop: "", picture: "", sort: state.days ? "date" : state.sort };
  const slow = setTimeout(() => toast("Looking at the picture…"), 400);
  $("search").classList.add("busy");
  try {
    const answer = await api.searchPicture(blob, { sort: params.sort, limit: PAGE, offset: 0 });
    pictures.set(answer.picture, { blob, url: URL.createObjectURL(blob), ...extra });
    params.picture = answer.picture;
    ready = { picture: answer.picture, key: JSON.stringify(params), answer };
    search({ q: "", like: "", crop: "", picture: answer.picture });
    return true;
  } catch (error) {
    toast(error.message);
    return false;
  } finally {
    clearTimeout(slow);
    $("search").classList.remove("busy");
  }
}

async function cropPicture(picture, rectangle) {
  try {
    const { cutOut } = await import("./crop.js");
    await searchPicture(await cutOut(picture.blob, rectangle), { part: true, whole: picture });
  } catch {
    toast("The browser cannot show this picture, so it cannot cut it either");
  }
}

$("pick").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  if (file) searchPicture(file);
  event.target.value = "";
});
addEventListener("paste", (event) => {
  const file = [...(event.clipboardData?.files ?? [])].find(isPicture);
  if (!file) return;
  event.preventDefault();
  searchPicture(file);
});

let isOwn = false;
let depth = 0;
const hasFiles = (event) => !isOwn && [...(event.dataTransfer?.types ?? [])].includes("Files");
addEventListener("dragstart", () => (isOwn = true));
addEventListener("dragend", () => (isOwn = false));
addEventListener("dragenter", (event) => {
  if (!hasFiles(event)) return;
  depth++;
  $("drop").hidden = false;
});
addEventListener("dragleave", (event) => hasFiles(event) && --depth <= 0 && ($("drop").hidden = true));
addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
addEventListener("drop", (event) => {
  depth = 0;
  $("drop").hidden = true;
  if (!hasFiles(event)) return;
  event.preventDefault();
  const file = [...event.dataTransfer.files].find(isPicture) ?? event.dataTransfer.files[0];
  if (file) searchPicture(file);
});

// The open photo, the map, the library

function showPhoto() {
  const id = state.photo;
  if (!id) {
    if (details.isOpen && details.photo) details.close();
    return;
  }
  if (details.isOpen && String(details.photo?.id) === id) return;
  const { index = null } = state;
  const hit = index === null ? null : results?.get(index);
  details.open(Number(id), hit && String(hit.id) === id ? { index, results, hit } : {});
  delete state.index;
}

let map = null;
async function showMap() {
  const open = Boolean(state.map);
  $("map").hidden = !open;
  $("map-toggle").setAttribute("aria-expanded", open);
  if (!open) return;
  // Most visits need no map, so it is fetched when it is first asked for.
  map ??= import("./map.js").then(
    ({ PlacesMap }) =>
      new PlacesMap($("map"), {
        near: (condition) => search({ q: `${without(state.q, NEAR)} ${condition}`.trim() }),
        closed: () => {
          go({ map: "" });
          $("map-toggle").focus();
        },
      }),
  );
  (await map).show(state.q);
}
$("map-toggle").addEventListener("click", () => go({ map: state.map ? "" : "1" }));

let generation = null;
const openLibrary = library((now) => {
  const isNew = generation !== null && now !== generation;
  generation = now;
  if (!isNew) return;
  // What one is busy with stays as it is.
  if (scrollY < 8 && !selection.size && !document.querySelector("dialog[open]") && !$("results").contains(document.activeElement)) update({ force: true });
  else {
    $("fresh").hidden = false;
    $("fresh").textContent = "Show what is new";
  }
});
$("fresh").addEventListener("click", () => update({ force: true }));
$("library-open").addEventListener("click", openLibrary);
$("keys-open").addEventListener("click", () => $("keys").showModal());

const THEMES = ["", "light", "dark"];
function theme(name) {
  const words = `Colours: ${name || "as the system has them"}`;
  $("theme").setAttribute("aria-label", words);
  $("theme").title = words;
}
$("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const next = THEMES[(THEMES.indexOf(root.dataset.theme ?? "") + 1) % THEMES.length];
  if (next) root.dataset.theme = next;
  else delete root.dataset.theme;
  theme(next);
  keep("theme", next);
});
theme(document.documentElement.dataset.theme);

// Who dictates may say what is taken for a key.
$("single-keys").checked = kept("keys") !== "off";
$("single-keys").addEventListener("change", (event) => keep("keys", event.target.checked ? "" : "off"));

function keep(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Storage is switched off; then it is for this visit only.
  }
}

function kept(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

// A click beside a dialog closes it.
for (const dialog of document.querySelectorAll("dialog")) dialog.addEventListener("pointerdown", (event) => event.target === dialog && dialog.close());

// Keys that work everywhere

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;
  if (!$("single-keys").checked && event.key !== "Escape" && !$("results").contains(event.target)) return;
  const act = {
    "/": () => {
      box.focus();
      box.select();
    },
    "?": () => $("keys").showModal(),
    g: () => go({ map: state.map ? "" : "1" }),
    d: () => $("days").click(),
    Escape: () => selection.clear(),
  }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

// History

history.scrollRestoration = "manual";
let resting;
addEventListener(
  "scroll",
  () => {
    clearTimeout(resting);
    resting = setTimeout(remember, 400);
  },
  { passive: true },
);
addEventListener("pagehide", remember);
addEventListener("popstate", (event) => {
  clearTimeout(writing);
  const before = shownKey;
  state = read();
  typing = false;
  update({ index: event.state?.index ?? 0 });
  if (shownKey === before && event.state?.index && !state.photo && !details.isOpen) grid.render(true);
});

update({ index: history.state?.index ?? 0 });
