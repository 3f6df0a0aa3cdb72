/** Linear memory: how much of it, and matrices in it. */

import type { TypedArray } from '../backend';
import { WebDNNError, reasonOf } from '../errors';

/** A view as an address. */
export interface Place {
  readonly address: number;
  readonly pitch: number;
  readonly rows: number;
  readonly columns: number;
}

export const PAGE = 65536;

export function outOfMemory(bytes: number, cause: unknown): WebDNNError {
  const megabytes = Math.ceil(bytes / 2 ** 20);
  return new WebDNNError(
    'memory',
    `webassembly: no memory of ${megabytes} MiB to be had (${reasonOf(cause)}); dispose of runners that are no longer needed, ` +
      `a page holds only some hundred of them`,
    { cause },
  );
}

/** Memory that never grows gets no room to: some phones then reserve no more than it has. `most`: bytes that it may grow to. */
export function makeMemory(bytes: number, grows: boolean, most: number, shared: boolean): WebAssembly.Memory {
  const initial = Math.ceil(bytes / PAGE);
  if (grows && !shared) return new WebAssembly.Memory({ initial });
  let maximum = grows ? Math.max(initial, Math.floor(most / PAGE)) : initial;
  for (;;) {
    try {
      return new WebAssembly.Memory({ initial, maximum, shared });
    } catch (error) {
      // A smaller reservation may do.
      if (maximum <= 2 * initial) throw error;
      maximum >>= 1;
    }
  }
}

const floatsOf = (buffer: ArrayBufferLike, { address, pitch, rows, columns }: Place): Float32Array =>
  new Float32Array(buffer, address, (rows - 1) * pitch + columns);

export function writeRows(buffer: ArrayBufferLike, place: Place, data: TypedArray): void {
  const { pitch, rows, columns } = place;
  const target = floatsOf(buffer, place);
  if (pitch === columns || rows === 1) {
    target.set(data);
    return;
  }
  for (let row = 0; row < rows; row++) target.set(data.subarray(row * columns, (row + 1) * columns), row * pitch);
}

/** Fills `result`, or a new array: never a view, since memory that threads share is not for every API. */
export function readRows(
  buffer: ArrayBufferLike,
  place: Place,
  result: TypedArray = new Float32Array(place.rows * place.columns),
): TypedArray {
  const { pitch, rows, columns } = place;
  const source = floatsOf(buffer, place);
  if (pitch === columns || rows === 1) {
    result.set(source);
    return result;
  }
  for (let row = 0; row < rows; row++) result.set(source.subarray(row * pitch, row * pitch + columns), row * columns);
  return result;
}
