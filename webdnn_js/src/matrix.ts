/** Matrices whose rows may lie apart. */

import type { Cells } from './backend';

/** Where element (row, column) is: at `offset + row·pitch + column`. */
export interface Place {
  readonly offset: number;
  readonly pitch: number;
  readonly rows: number;
  readonly columns: number;
}

/** Fills the matrix that lies in `data` with `values`, row after row. */
export function writeMatrix(data: Cells, { offset, pitch, rows, columns }: Place, values: Cells): void {
  if (pitch === columns) {
    data.set(values, offset);
    return;
  }
  for (let row = 0; row < rows; row++) {
    data.set(values.subarray(row * columns, (row + 1) * columns), offset + row * pitch);
  }
}

/** Copies the matrix that lies in `data` to `values`, row after row. */
export function readMatrix(data: Cells, { offset, pitch, rows, columns }: Place, values: Cells): void {
  if (pitch === columns) {
    values.set(data.subarray(offset, offset + rows * columns));
    return;
  }
  for (let row = 0; row < rows; row++) {
    const start = offset + row * pitch;
    values.set(data.subarray(start, start + columns), row * columns);
  }
}
