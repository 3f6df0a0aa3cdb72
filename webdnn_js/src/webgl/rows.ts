/** Dense rows ↔ rows that begin at a texel. */

import type { Cells } from '../backend';

const BAND = 2 ** 20;
/** Rows of at least so many columns are copied by the engine; shorter ones by a loop, which takes less time than a call for each. */
const LONG = 64;

const roundUp = (length: number): number => Math.ceil(length / 4) * 4;

/** Elements from the first of a view to its last, in whole texels. */
export const extent = (rows: number, columns: number, pitch: number): number => roundUp((rows - 1) * pitch + columns);

/** The same cells as integers, so that a copy keeps every bit: JavaScript's numbers do not tell all NaNs apart. */
const bits = ({ buffer, byteOffset, length }: Cells): Int32Array => new Int32Array(buffer, byteOffset, length);

/** Copies `rows` rows of `columns` elements, which stand `from` apart from `start` on in `source`, to rows that stand `to` apart. */
function copyRows(
  source: Int32Array,
  start: number,
  from: number,
  target: Int32Array,
  to: number,
  rows: number,
  columns: number,
): void {
  for (let r = 0; r < rows; r++) {
    const here = start + r * from;
    const there = r * to;
    if (columns >= LONG) target.set(source.subarray(here, here + columns), there);
    else for (let c = 0; c < columns; c++) target[there + c] = source[here + c]!;
  }
}

/**
 * Calls `write` with whole texels, at their distance from the first row's element, until all `rows` dense rows of `data` stand `pitch`
 * apart. Gaps get zeros. Bands of rows keep the copy small.
 */
export function spread(
  data: Cells,
  rows: number,
  columns: number,
  pitch: number,
  write: (offset: number, texels: Cells) => void,
): void {
  if ((columns === pitch || rows === 1) && data.length % 4 === 0) return write(0, data);
  const source = bits(data);
  const most = Math.max(1, Math.floor(BAND / pitch));
  for (let row = 0; row < rows; row += most) {
    const count = Math.min(most, rows - row);
    const band = new Int32Array(extent(count, columns, pitch));
    copyRows(source, row * columns, columns, band, pitch, count, columns);
    write(row * pitch, data instanceof Float32Array ? new Float32Array(band.buffer) : band);
  }
}

/** The reverse: `texels` begins with the first row. */
export function gather(texels: Cells, rows: number, columns: number, pitch: number, output: Cells): void {
  copyRows(bits(texels), 0, pitch, bits(output), columns, rows, columns);
}
