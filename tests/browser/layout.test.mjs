// The rows of the grid, without a browser.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

const source = await readFile(new URL("../../crates/clip-server/src/page/assets/layout.js", import.meta.url));
const { aspect, at, guess, rows } = await import(`data:text/javascript;base64,${source.toString("base64")}`);

/** Numbers from 0 to 1 that are the same in every run. */
function random(seed) {
  let state = seed;
  return () => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
}

test("rows hold every photo once, fill the width and keep near the height", () => {
  const next = random(7);
  for (let round = 0; round < 300; round++) {
    const count = 1 + Math.floor(next() * 100);
    const aspects = Array.from({ length: count }, () => aspect({ width: 1 + next() * 4000, height: 1 + next() * 4000 }));
    const [width, gap, isLast] = [300 + Math.floor(next() * 2200), round % 2 ? 3 : 6, round % 3 === 0];
    const height = width < 640 ? Math.max(104, width / 3) : 220;
    const found = rows(aspects, width, height, gap, isLast);
    let [photo, top] = [0, 0];
    found.forEach((row, n) => {
      assert.equal(row.start, photo);
      assert.ok(row.end > row.start);
      assert.equal(row.top, top);
      const right = row.lefts.at(-1) + row.widths.at(-1);
      const isFree = (isLast && n === found.length - 1) || row.height <= Math.ceil(height);
      assert.ok(right <= width && (isFree || Math.abs(right - width) <= 1), `${right} of ${width}`);
      assert.ok(row.height <= height * 1.61, `${row.height}, not ${height}`);
      row.lefts.forEach((left, k) => {
        assert.ok(row.widths[k] > 0);
        if (k) assert.ok(Math.abs(left - row.lefts[k - 1] - row.widths[k - 1] - gap) <= 1);
      });
      photo = row.end;
      top += row.height + gap;
    });
    assert.equal(photo, count);
    if (count > 30) {
      const mean = found.reduce((sum, row) => sum + row.height, 0) / found.length;
      assert.ok(Math.abs(mean / height - 1) < 0.25, `${mean}, not ${height}`);
    }
  }
});

test("a last row that is not full keeps the height", () => {
  const [row] = rows([1.5], 1200, 220, 6, true);
  assert.deepEqual([row.height, row.widths], [220, [330]]);
  const found = rows(Array(7).fill(1.5), 1000, 220, 6, true);
  assert.equal(found.at(-1).end, 7);
  assert.ok(found.every((row) => row.height <= 260));
});

test("shapes are bounded, and photos without one are square", () => {
  assert.equal(aspect({ width: 0, height: 0 }), 1);
  assert.equal(aspect({ width: 10_000, height: 1 }), 3.2);
  assert.equal(aspect({ width: 1, height: 10_000 }), 0.45);
});

test("heights that are not known yet are guessed", () => {
  const next = random(3);
  const aspects = Array.from({ length: 100 }, () => 0.6 + next());
  const mean = aspects.reduce((sum, one) => sum + one, 0) / 100;
  const last = rows(aspects, 1300, 220, 6, false).at(-1);
  assert.ok(Math.abs(guess(100, mean, 1300, 220, 6) / (last.top + last.height) - 1) < 0.15);
});

test("what is at a height is found", () => {
  const blocks = [0, 100, 250, 900].map((top) => ({ top }));
  assert.deepEqual([-5, 0, 99, 100, 500, 10_000].map((y) => at(blocks, y)), [0, 0, 0, 1, 2, 3]);
});
