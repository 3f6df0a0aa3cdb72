/** Dense rows ↔ rows that begin at a texel. */

const BAND = 2 ** 20;

const roundUp = (length: number): number => Math.ceil(length / 4) * 4;

/** Elements from the first of a view to its last, in whole texels. */
export const extent = (rows: number, columns: number, pitch: number): number => roundUp((rows - 1) * pitch + columns);

/**
 * Calls `write` with whole texels, at their distance from the first row's element, until all `rows` dense rows of `data` stand `pitch`
 * apart. Gaps get zeros. Bands of rows keep the copy small.
 */
export function spread(
  data: Float32Array,
  rows: number,
  columns: number,
  pitch: number,
  write: (offset: number, texels: Float32Array) => void,
): void {
  if ((columns === pitch || rows === 1) && data.length % 4 === 0) return write(0, data);
  const most = Math.max(1, Math.floor(BAND / pitch));
  for (let row = 0; row < rows; row += most) {
    const count = Math.min(most, rows - row);
    const band = new Float32Array(extent(count, columns, pitch));
    for (let r = 0; r < count; r++) {
      band.set(data.subarray((row + r) * columns, (row + r + 1) * columns), r * pitch);
    }
    write(row * pitch, band);
  }
}

/** The reverse: `texels` begins with the first row. */
export function gather(texels: Float32Array, rows: number, columns: number, pitch: number, output: Float32Array): void {
  for (let r = 0; r < rows; r++) output.set(texels.subarray(r * pitch, r * pitch + columns), r * columns);
}
