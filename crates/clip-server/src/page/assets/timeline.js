// A rail beside results that are in the order of dates: shows the years, and leads to any month.

import { date, h, photos } from "./dom.js";
import { headHeight } from "./grid.js";

/** Results that need no rail. */
export const FEW = 50;

export class Timeline {
  constructor(rail, grid) {
    this.grid = grid;
    this.rail = rail;
    this.bubble = h("output", { class: "bubble", hidden: true });
    this.thumb = h("i", { class: "thumb" });
    this.years = h("div", { class: "years", "aria-hidden": "true" });
    this.months = [];
    rail.append(this.years, this.thumb, this.bubble);
    rail.setAttribute("role", "slider");
    rail.setAttribute("aria-label", "Timeline");
    rail.setAttribute("aria-orientation", "vertical");
    rail.tabIndex = 0;
    rail.addEventListener("keydown", (event) => this.key(event));
    rail.addEventListener("focus", () => this.showBubble(this.now));
    rail.addEventListener("blur", () => (this.bubble.hidden = true));
    this.listenForPointer();
    addEventListener("scroll", () => this.soon(), { passive: true });
    addEventListener("resize", () => this.soon(true), { passive: true });
  }

  /** `days` are from the API; null hides the rail. */
  show(days) {
    this.months = [];
    for (const { day, offset, photos } of days ?? []) {
      if (!day) continue;
      const month = day.slice(0, 7);
      const last = this.months.at(-1);
      if (last?.month === month) last.photos += photos;
      else this.months.push({ month, offset, photos, label: date("month", `${month}-01`) });
    }
    const useful = this.months.length > 1 && this.grid.results.length > FEW;
    this.rail.hidden = !useful;
    document.body.classList.toggle("has-timeline", useful);
    if (useful) this.layout();
  }

  soon(all) {
    if (this.rail.hidden) return;
    this.all ||= all;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (this.all) this.layout();
      else this.follow();
      this.all = false;
    });
  }

  /** How far down the rail a month is, 0 to 1: as far as the page is scrolled when the month is at its top. */
  place(month, above, most) {
    return Math.min(1, (this.grid.topOf(month.offset) + above) / most);
  }

  layout() {
    if (!this.months.length) return;
    const height = (this.height = this.rail.clientHeight);
    const above = this.grid.offset() - headHeight();
    const most = (this.most = Math.max(1, document.documentElement.scrollHeight - innerHeight));
    const labels = [];
    let lowest = -Infinity;
    let year = "";
    for (const month of this.months) {
      month.place = this.place(month, above, most);
      if (month.month.slice(0, 4) === year) continue;
      year = month.month.slice(0, 4);
      const y = month.place * (height - 20);
      if (y - lowest < 20) continue;
      lowest = y;
      const label = h("span", {}, year);
      label.style.top = `${y}px`;
      labels.push(label);
    }
    this.years.replaceChildren(...labels);
    this.rail.setAttribute("aria-valuemin", 1);
    this.rail.setAttribute("aria-valuemax", this.months.length);
    this.follow();
  }

  monthAt(place) {
    let now = 0;
    for (let at = 0; at < this.months.length && this.months[at].place <= place + 1e-4; at++) now = at;
    return now;
  }

  /** Shows where the page is. */
  follow() {
    const place = Math.min(1, scrollY / this.most);
    this.now = this.monthAt(place);
    this.thumb.style.top = `${place * (this.height - 20) + 9}px`;
    this.rail.setAttribute("aria-valuenow", this.now + 1);
    this.rail.setAttribute("aria-valuetext", this.months[this.now].label);
    this.rail.classList.add("moving");
    clearTimeout(this.still);
    this.still = setTimeout(() => this.rail.classList.remove("moving"), 1200);
    if (document.activeElement === this.rail && this.rail.matches(":focus-visible")) this.showBubble(this.now);
    else if (this.dragging) this.showBubble(this.now, this.dragging);
  }

  showBubble(at, y) {
    const month = this.months[at];
    if (!month) return;
    this.bubble.hidden = false;
    this.bubble.textContent = `${month.label} · ${photos(month.photos)}`;
    this.bubble.style.top = `${y ?? month.place * (this.rail.clientHeight - 20) + 9}px`;
  }

  go(at) {
    const month = this.months[Math.min(this.months.length - 1, Math.max(0, at))];
    this.grid.scrollTo(month.offset);
    this.follow();
  }

  key(event) {
    const way = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, PageDown: 12, PageUp: -12, Home: -Infinity, End: Infinity }[event.key];
    if (way === undefined) return;
    event.preventDefault();
    this.go(this.now + way);
  }

  listenForPointer() {
    const y = (event) => event.clientY - this.rail.getBoundingClientRect().top;
    const place = (event) => Math.min(1, Math.max(0, (y(event) - 9) / (this.rail.clientHeight - 20)));
    this.rail.addEventListener("pointermove", (event) => {
      if (this.dragging === undefined && event.pointerType === "mouse") return this.showBubble(this.monthAt(place(event)), y(event));
      if (this.dragging === undefined) return;
      this.dragging = y(event);
      this.moved ||= Math.abs(event.clientY - this.from) > 4;
      if (this.moved) scrollTo(0, place(event) * this.most);
    });
    this.rail.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      this.rail.setPointerCapture(event.pointerId);
      this.dragging = y(event);
      this.from = event.clientY;
      this.moved = false;
    });
    const end = (event) => {
      if (this.dragging === undefined) return;
      this.dragging = undefined;
      if (!this.moved && event.type === "pointerup") this.go(this.monthAt(place(event)));
      this.bubble.hidden = event.pointerType !== "mouse";
    };
    this.rail.addEventListener("pointerup", end);
    this.rail.addEventListener("pointercancel", end);
    this.rail.addEventListener("pointerleave", () => this.dragging === undefined && (this.bubble.hidden = true));
  }
}
