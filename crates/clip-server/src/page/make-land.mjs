// Makes the text of `assets/land.js` from Natural Earth's land at 1:110 million:
//
//     npm install --no-save world-atlas@2.0.2 topojson-client@3.1.0
//     node make-land.mjs

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { feature } from "topojson-client";

const world = JSON.parse(readFileSync(createRequire(import.meta.url).resolve("world-atlas/land-110m.json")));
const land = feature(world, world.objects.land);
const polygons = (land.features ?? [land]).flatMap(({ geometry }) =>
  geometry.type === "MultiPolygon" ? geometry.coordinates : [geometry.coordinates],
);

const UNITS_A_DEGREE = 5;
const SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

function encoded(number) {
  let bits = number < 0 ? -2 * number - 1 : 2 * number;
  let text = "";
  do {
    const low = bits & 31;
    bits >>= 5;
    text += SIGNS[bits ? low | 32 : low];
  } while (bits);
  return text;
}

/** Rings that cross the 180th meridian go on beyond it. The one around the pole goes on beyond that, so that no map shows its end. */
function unwrapped(ring) {
  const points = ring.map((point) => [...point]);
  for (let at = 1; at < points.length; at++) {
    while (points[at][0] - points[at - 1][0] > 180) points[at][0] -= 360;
    while (points[at][0] - points[at - 1][0] < -180) points[at][0] += 360;
  }
  const [first, last] = [points[0][0], points.at(-1)[0]];
  if (Math.abs(last - first) > 180) points.push([last, -130], [first, -130]);
  return points;
}

const rings = polygons.flat().map((ring) => {
  let [text, x, y] = ["", 0, 0];
  unwrapped(ring).forEach(([longitude, latitude], at) => {
    const [toX, toY] = [Math.round(longitude * UNITS_A_DEGREE), Math.round(-latitude * UNITS_A_DEGREE)];
    if (at && toX === x && toY === y) return;
    text += encoded(toX - x) + encoded(toY - y);
    [x, y] = [toX, toY];
  });
  return text;
});
process.stdout.write(rings.join(" "));
