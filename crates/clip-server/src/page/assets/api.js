// The HTTP API. Every answer is JSON; what goes wrong is thrown as a `Problem`.

export class Problem extends Error {
  /** `body` is what the server says of it, in the format of RFC 9457. */
  constructor(status, body) {
    super(body?.detail || body?.title || `The server answered with status ${status}`);
    this.status = status;
    /** There is no index yet, so there are no photos. */
    this.isEmpty = String(body?.type).endsWith("no-index");
    /** Where in the query, in bytes. */
    this.position = body?.position ?? null;
  }
}

/** A URL with the parameters that have a value. */
function url(path, params = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== null && value !== undefined && value !== "" && value !== false) query.set(name, value);
  }
  return query.size ? `${path}?${query}` : path;
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { detail: "The server does not answer" });
  }
  if (answer.ok) return answer;
  if (answer.status === 401) location.assign("/login");
  throw new Problem(answer.status, await answer.json().catch(() => null));
}

const json = async (path, options) => (await ask(path, options)).json();

const post = (path, body, options) =>
  ask(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" }, ...options });

/** `params`: q, like, crop, picture, sort, limit, offset. */
export const search = (params, signal) => json(url("/api/v1/search", params), { signal });

/** Searches with the bytes of a picture. */
export const searchPicture = (picture, params, signal) =>
  json(url("/api/v1/search", params), {
    method: "POST",
    body: picture,
    headers: { "Content-Type": picture.type.startsWith("image/") ? picture.type : "application/octet-stream" },
    signal,
  });

export const photo = (id, signal) => json(`/api/v1/photos/${id}`, { signal });
export const thumbnail = (id, size, at) => `/api/v1/photos/${id}/thumbnail?size=${size}${at ? `&at=${at}` : ""}`;
export const file = (id, download) => `/api/v1/photos/${id}/file${download ? "?download=1" : ""}`;
export const timeline = (params, signal) => json(url("/api/v1/timeline", params), { signal });
export const places = (params, signal) => json(url("/api/v1/places", params), { signal });
export const status = () => json("/api/v1/status");
export const addFolder = (path) => post("/api/v1/folders", { path });
/** The paths of photos, one a line. */
export const paths = async (ids) => (await post("/api/v1/export", { ids, as: "paths" })).blob();

/** Calls `on[event](data)` as the server tells of something; connects again by itself. */
export function events(on) {
  const source = new EventSource("/api/v1/events");
  for (const [name, listener] of Object.entries(on)) {
    source.addEventListener(name, (event) => {
      let data = {};
      try {
        data = JSON.parse(event.data);
      } catch {
        // An event without data.
      }
      listener(data);
    });
  }
}
