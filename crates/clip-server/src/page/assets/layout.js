// Where photos lie in a justified grid. No DOM here.

/** Very long or tall photos are shown cropped. */
export const aspect = (photo) => Math.min(3.2, Math.max(0.45, photo.width / photo.height || 1));

/**
 * Breaks photos into rows that fill the width, with heights as near to `height` as can be: the breaks with the least sum of
 * squared differences, as for the lines of a paragraph. If the photos are the last of their section, the last row need not be full.
 *
 * Returns rows: {start, end, top, height, lefts, widths}, with `start` and `end` counted from the first of `aspects`.
 */
export function rows(aspects, width, height, gap, isLast) {
  const count = aspects.length;
  const cost = new Float64Array(count + 1).fill(Infinity);
  const from = new Int32Array(count + 1);
  cost[0] = 0;
  for (let end = 1; end <= count; end++) {
    let sum = 0;
    for (let start = end - 1; start >= 0; start--) {
      sum += aspects[start];
      const rowHeight = (width - gap * (end - start - 1)) / sum;
      if (rowHeight < height * 0.4 && end - start > 1) break;
      const free = isLast && end === count && rowHeight > height;
      const off = free ? 0 : rowHeight / height - 1;
      const total = cost[start] + off * off;
      if (total < cost[end]) [cost[end], from[end]] = [total, start];
    }
  }
  const breaks = [];
  for (let end = count; end > 0; end = from[end]) breaks.push([from[end], end]);
  let top = 0;
  return breaks.reverse().map(([start, end]) => {
    const row = row_(aspects, start, end, top, width, height, gap, isLast && end === count);
    top += row.height + gap;
    return row;
  });
}

function row_(aspects, start, end, top, width, height, gap, isLast) {
  let sum = 0;
  for (let index = start; index < end; index++) sum += aspects[index];
  const room = width - gap * (end - start - 1);
  const full = room / sum;
  // A row that cannot be filled keeps the usual height.
  const isFree = full > height * 1.6 || (isLast && full > height);
  const rowHeight = Math.round(isFree ? height : full);
  const lefts = [];
  const widths = [];
  let edge = 0;
  for (let index = start; index < end; index++) {
    const exact = edge + aspects[index] * (isFree ? height : full);
    lefts.push(Math.round(edge));
    widths.push(Math.min(width, Math.round(exact)) - Math.round(edge));
    edge = exact + gap;
  }
  return { start, end, top, height: rowHeight, lefts, widths };
}

/** How high so many photos will be, before their shapes are known. */
export const guess = (count, meanAspect, width, height, gap) => Math.ceil((count * (meanAspect * height + gap)) / (width + gap)) * (height + gap);

/** The last index whose `top` is at or before `y`. */
export function at(blocks, y) {
  let [low, high] = [0, blocks.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (blocks[middle].top <= y) low = middle;
    else high = middle - 1;
  }
  return low;
}
