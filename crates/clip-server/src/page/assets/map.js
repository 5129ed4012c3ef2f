// A map of where photos were taken. It is drawn here, from an outline of land, so that it needs no network.

import * as api from "./api.js";
import { NEAR, without } from "./chips.js";
import { button, h, number, say, shown, svg, toast } from "./dom.js";
import { landPath } from "./land.js";

/** Pixels between clusters. */
const APART = 50;
const KM_A_DEGREE = 111.2;
const MOST_SCALE = 4000;
const BOUNDS = { west: -180, east: 180, north: 84, south: -62 };

export class PlacesMap {
  /** `on`: near(text) with a condition for the query; closed(). */
  constructor(section, on) {
    this.section = section;
    this.on = on;
    this.places = [];
    // The world goes on at both sides, so that a wide map has no edges.
    const land = svg("path", { id: "land", class: "land", d: landPath() });
    const again = [-360, 360].map((x) => svg("use", { href: "#land", x }));
    this.circle = svg("ellipse", { class: "near" });
    this.drawing = svg("svg", { "aria-hidden": "true", preserveAspectRatio: "none" }, svg("path", { class: "graticule", d: graticule() }), land, ...again, this.circle);
    this.marks = h("div", { class: "marks" });
    this.view = h(
      "div",
      { class: "view", tabIndex: 0, role: "group", "aria-label": "Map. Arrows move it, plus and minus change the scale.", onkeydown: (event) => this.key(event) },
      this.drawing,
      this.marks,
    );
    this.note = h("p", { class: "note faint" });
    section.append(
      this.view,
      h(
        "div",
        { class: "map-buttons" },
        h("button", { type: "button", class: "icon", "aria-label": "Larger scale", title: "Larger scale (+)", onclick: () => this.zoom(2) }, "+"),
        h("button", { type: "button", class: "icon", "aria-label": "Smaller scale", title: "Smaller scale (−)", onclick: () => this.zoom(0.5) }, "−"),
        h("button", { type: "button", class: "icon", "aria-label": "Show all places", title: "Show all places", onclick: () => this.fit() }, "◎"),
        button("close", "Close the map", () => on.closed()),
      ),
      this.note,
    );
    this.listen();
    new ResizeObserver(() => !section.hidden && this.resize()).observe(this.view);
  }

  /** Shows the places of the photos that a query finds; a circle of it is drawn, and does not count. */
  async show(query) {
    const near = /(?:^|\s)near:(-?[\d.]+),(-?[\d.]+),([\d.]+)/.exec(query);
    this.near = near && { lat: Number(near[1]), lon: Number(near[2]), km: Number(near[3]) };
    const q = without(query, NEAR);
    if (q !== this.query) {
      this.abort?.abort();
      this.abort = new AbortController();
      try {
        const { places } = await api.places({ q }, this.abort.signal);
        const isFirst = this.query === undefined;
        this.query = q;
        this.places = places.sort((a, b) => b.photos - a.photos);
        this.note.textContent = places.length ? "" : "None of these photos says where it was taken.";
        say(`${number(places.length)} places on the map`);
        if (isFirst) return this.fit();
      } catch (error) {
        if (error.name !== "AbortError") toast(error.message);
      }
    }
    this.draw();
  }

  size() {
    return [this.view.clientWidth || 1, this.view.clientHeight || 1];
  }

  least() {
    const [width, height] = this.size();
    return Math.min(width / 460, height / (BOUNDS.north - BOUNDS.south));
  }

  fit() {
    const [width, height] = this.size();
    const [lats, lons] = [this.places.map((place) => place.lat), this.places.map((place) => place.lon)];
    const [south, north, west, east] = lats.length ? [Math.min(...lats), Math.max(...lats), Math.min(...lons), Math.max(...lons)] : [BOUNDS.south, BOUNDS.north, BOUNDS.west, BOUNDS.east];
    this.scale = Math.min(60, (width - 110) / Math.max(0.01, east - west), (height - 90) / Math.max(0.01, north - south));
    this.centre = [(west + east) / 2, (south + north) / 2];
    this.draw();
  }

  resize() {
    if (this.scale === undefined) this.fit();
    else this.draw();
  }

  /** Changes the scale; what is at `at`, in pixels, stays there. */
  zoom(factor, at) {
    const [width, height] = this.size();
    const [x, y] = at ?? [width / 2, height / 2];
    const scale = Math.min(MOST_SCALE, Math.max(this.least(), this.scale * factor));
    const [dx, dy] = [x - width / 2, y - height / 2];
    this.centre = [this.centre[0] + dx / this.scale - dx / scale, this.centre[1] - dy / this.scale + dy / scale];
    this.scale = scale;
    this.draw();
  }

  pan(dx, dy) {
    this.centre = [this.centre[0] - dx / this.scale, this.centre[1] + dy / this.scale];
    this.draw();
  }

  draw() {
    if (this.scale === undefined) return this.fit();
    const [width, height] = this.size();
    this.scale = Math.max(this.scale, this.least());
    const [half, middle] = [height / this.scale / 2, (BOUNDS.north + BOUNDS.south) / 2];
    const slack = Math.max(0, (BOUNDS.north - BOUNDS.south) / 2 - half);
    this.centre = [Math.min(BOUNDS.east, Math.max(BOUNDS.west, this.centre[0])), Math.min(middle + slack, Math.max(middle - slack, this.centre[1]))];
    const [west, top] = [this.centre[0] - width / this.scale / 2, -this.centre[1] - height / this.scale / 2];
    this.drawing.setAttribute("viewBox", `${west} ${top} ${width / this.scale} ${height / this.scale}`);
    this.circle.setAttribute("visibility", this.near ? "visible" : "hidden");
    if (this.near) {
      const { lat, lon, km } = this.near;
      const ry = km / KM_A_DEGREE;
      const shape = { cx: lon, cy: -lat, rx: Math.min(180, ry / Math.max(0.05, Math.cos((lat * Math.PI) / 180))), ry };
      for (const [name, value] of Object.entries(shape)) this.circle.setAttribute(name, value);
    }
    this.place(width, height, west, top);
  }

  /** Puts a mark where photos are; those that would cover one another become one. */
  place(width, height, west, top) {
    const clusters = [];
    for (const place of this.places) {
      const [x, y] = [(place.lon - west) * this.scale, (-place.lat - top) * this.scale];
      if (x < -APART || y < -APART || x > width + APART || y > height + APART) continue;
      const near = clusters.find((cluster) => Math.abs(cluster.x - x) < APART && Math.abs(cluster.y - y) < APART);
      if (near) {
        near.photos += place.photos;
        near.members.push(place);
      } else if (clusters.length < 250) clusters.push({ x, y, photos: place.photos, members: [place] });
    }
    const old = new Map([...this.marks.children].map((mark) => [mark.place, mark]));
    for (const cluster of clusters) {
      const [first] = cluster.members;
      const mark = old.get(first) ?? h("button", { type: "button", class: "mark" }, h("img", { src: api.thumbnail(first.id, 120), alt: "", draggable: false }), h("span"), h("b", { class: "sr" }));
      old.delete(first);
      mark.place = first;
      // What ends a pan is no click; what comes from a key is.
      mark.onclick = (event) => !(this.panned && event.detail) && this.on.near(this.condition(cluster));
      mark.children[1].textContent = cluster.photos >= 10_000 ? `${Math.round(cluster.photos / 1000)}k` : number(cluster.photos);
      const others = cluster.members.length - 1;
      const name = shown(first.name || `${first.lat.toFixed(2)}, ${first.lon.toFixed(2)}`) + (others ? ` and ${number(others)} more ${others === 1 ? "place" : "places"}` : "");
      mark.title = name;
      mark.lastChild.textContent = ` ${cluster.photos === 1 ? "photo" : "photos"}: ${name}`;
      Object.assign(mark.style, { left: `${cluster.x}px`, top: `${cluster.y}px` });
      if (!mark.isConnected) this.marks.append(mark);
    }
    for (const mark of old.values()) mark.remove();
  }

  /** A condition that all photos of a cluster meet. */
  condition({ members }) {
    const [south, north] = [Math.min(...members.map((place) => place.lat)), Math.max(...members.map((place) => place.lat))];
    const [west, east] = [Math.min(...members.map((place) => place.lon)), Math.max(...members.map((place) => place.lon))];
    const [lat, lon] = [(south + north) / 2, (west + east) / 2];
    const distance = (place) => Math.hypot(place.lat - lat, (place.lon - lon) * Math.cos((lat * Math.PI) / 180)) * KM_A_DEGREE;
    // The places are themselves the middles of small areas.
    const km = Math.max(...members.map(distance)) * 1.05 + Math.min(50, Math.max(2, (12 / this.scale) * KM_A_DEGREE));
    return `near:${lat.toFixed(3)},${lon.toFixed(3)},${Math.ceil(km)}`;
  }

  key(event) {
    const [width, height] = this.size();
    const act = {
      ArrowLeft: () => this.pan(width / 6, 0),
      ArrowRight: () => this.pan(-width / 6, 0),
      ArrowUp: () => this.pan(0, height / 6),
      ArrowDown: () => this.pan(0, -height / 6),
      "+": () => this.zoom(2),
      "=": () => this.zoom(2),
      "-": () => this.zoom(0.5),
      0: () => this.fit(),
    }[event.key];
    if (!act || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    act();
  }

  listen() {
    const { view } = this;
    const at = (event) => {
      const box = view.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    view.addEventListener("dblclick", (event) => !event.target.closest(".mark") && this.zoom(2, at(event)));
    view.addEventListener(
      "wheel",
      (event) => {
        // The page goes on scrolling past the map until somebody uses the map.
        if (!event.ctrlKey && !this.section.contains(document.activeElement)) return;
        event.preventDefault();
        this.zoom(Math.exp(-event.deltaY / (event.deltaMode ? 20 : 400)), at(event));
      },
      { passive: false },
    );
    const fingers = new Map();
    view.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      fingers.set(event.pointerId, at(event));
      this.panned = false;
    });
    view.addEventListener("pointermove", (event) => {
      const before = fingers.get(event.pointerId);
      if (!before) return;
      const now = at(event);
      const moved = Math.hypot(now[0] - before[0], now[1] - before[1]);
      if (!this.panned && moved < 4) return;
      if (!this.panned) {
        this.panned = true;
        view.setPointerCapture(event.pointerId);
      }
      if (fingers.size === 2) {
        const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
        const apart = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
        this.zoom(apart(now) / Math.max(1, apart(before)), [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2]);
      } else this.pan(now[0] - before[0], now[1] - before[1]);
      fingers.set(event.pointerId, now);
    });
    for (const name of ["pointerup", "pointercancel", "pointerleave"]) view.addEventListener(name, (event) => fingers.delete(event.pointerId));
  }
}

/** Lines of latitude and longitude. */
function graticule() {
  let path = "";
  for (let lon = -540; lon <= 540; lon += 30) path += `M${lon} -90V90`;
  for (let lat = -80; lat <= 80; lat += 20) path += `M-540 ${lat}H540`;
  return path;
}
