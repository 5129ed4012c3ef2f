// The results of one search: fetched a page at a time as they are looked at, in any order.

import * as api from "./api.js";

export const PAGE = 100;
/** Requests at a time. Browsers allow six for a host, and thumbnails need some. */
const AT_ONCE = 3;
/** Pages that there may be beyond what is known, where the number of results is not; as many again as are known, at least these. */
const AHEAD = 3;

export class Results extends EventTarget {
  /** `first` is the answer for the first page. Events: "page" when one has come, "problem" with the error in `detail`. */
  constructor(params, first) {
    super();
    this.params = params;
    this.first = first;
    this.generation = first.generation;
    this.pages = new Map();
    this.wanted = [];
    this.pending = new Map();
    this.waiting = [];
    this.total = first.total;
    /** How many are known to be there. */
    this.length = 0;
    this.take(0, first);
  }

  get(index) {
    return this.pages.get(Math.floor(index / PAGE))?.[index % PAGE] ?? null;
  }

  /** Whether all from `start` to before `end` are here. */
  has(start, end) {
    for (let page = Math.floor(start / PAGE); page * PAGE < end; page++) if (!this.pages.has(page)) return false;
    return true;
  }

  /** Fetches what is missing between, before whatever was wanted earlier and has not been asked for yet. */
  want(start, end) {
    const pages = [];
    for (let page = Math.floor(Math.max(0, start) / PAGE); page * PAGE < Math.min(end, this.length); page++) {
      if (!this.pages.has(page) && !this.pending.has(page)) pages.push(page);
    }
    this.wanted = pages;
    this.pump();
  }

  /** The results from `start` to before `end`, once they are here. */
  async load(start, end) {
    const last = Math.min(end, this.length);
    const jobs = [];
    for (let page = Math.floor(start / PAGE); page * PAGE < last; page++) if (!this.pages.has(page)) jobs.push(this.fetch(page));
    await Promise.all(jobs);
    const found = [];
    for (let index = start; index < last; index++) if (this.get(index)) found.push(this.get(index));
    return found;
  }

  /** No more requests, and those under way are dropped. */
  close() {
    this.closed = true;
    for (const { abort } of this.pending.values()) abort.abort();
  }

  pump() {
    while (!this.closed && this.wanted.length && this.pending.size < AT_ONCE) this.fetch(this.wanted.shift()).catch(() => {});
  }

  fetch(page) {
    const under_way = this.pending.get(page);
    if (under_way) return under_way.promise;
    const abort = new AbortController();
    const promise = api
      .search({ ...this.params, limit: PAGE, offset: page * PAGE }, abort.signal)
      .then((answer) => {
        this.pending.delete(page);
        if (!this.closed) this.take(page, answer);
      })
      .catch((error) => {
        this.pending.delete(page);
        if (!this.closed) this.dispatchEvent(new CustomEvent("problem", { detail: error }));
        throw error;
      })
      .finally(() => this.pump());
    this.pending.set(page, { promise, abort });
    return promise;
  }

  take(page, answer) {
    this.pages.set(page, answer.results);
    const end = page * PAGE + answer.results.length;
    // The total is not always known; then there may be more pages for as long as an answer says so.
    if (answer.total !== null && answer.total !== undefined) this.total = this.length = answer.total;
    else if (answer.next_offset !== null && answer.next_offset !== undefined) this.length = Math.max(this.length, answer.next_offset + Math.max(AHEAD, page) * PAGE);
    else if (answer.results.length || page === 0) this.length = this.total = end;
    else this.length = this.total = Math.min(this.length, page * PAGE);
    this.dispatchEvent(new CustomEvent("page", { detail: page }));
  }
}
