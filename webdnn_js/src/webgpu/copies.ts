/** Between arrays of the page, where views lie dense and one after another, and regions, where they lie as the plan says. */

import type { BoundView, Cells } from '../backend';
import { BYTES_PER_ELEMENT } from '../dtypes';
import type { Region } from './region';

/** WGSL has no smaller numbers: cells of both storage classes are of one size. */
const CELL = BYTES_PER_ELEMENT.float;

export const bytesOf = (elements: number): number => elements * CELL;

/** Bytes of all elements of `views`. */
export const sizeOf = (views: readonly BoundView[]): number =>
  views.reduce((sum, { rows, columns }) => sum + bytesOf(rows * columns), 0);

/** What lies together on both sides: bytes of a GPU buffer from `offset` on are bytes of the array from `at` on. */
interface Stretch {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly at: number;
  readonly bytes: number;
}

function* stretchesOf(view: BoundView, region: Region): Generator<Stretch> {
  const { offset, pitch, rows, columns } = view;
  const [lines, length] = rows === 1 || pitch === columns ? [1, rows * columns] : [rows, columns];
  for (let line = 0; line < lines; line++) {
    for (const part of region.parts(bytesOf(offset + line * pitch), bytesOf(length))) {
      yield { ...part, at: bytesOf(line * columns) + part.from };
    }
  }
}

/** The stretches of several views; `regions` are where each lies. */
export function eachStretch(
  views: readonly BoundView[],
  regions: readonly Region[],
  copy: (stretch: Stretch) => void,
): void {
  let start = 0;
  views.forEach((view, i) => {
    for (const stretch of stretchesOf(view, regions[i]!)) copy({ ...stretch, at: start + stretch.at });
    start += sizeOf([view]);
  });
}

/** Writes `data` to `view` of `region`. */
export function write(queue: GPUQueue, view: BoundView, region: Region, data: Cells): void {
  for (const { buffer, offset, at, bytes } of stretchesOf(view, region)) {
    queue.writeBuffer(buffer, offset, data, at / CELL, bytes / CELL);
  }
}

/** Copies `arrays` one after another into `memory`. */
export function fill(memory: ArrayBuffer, arrays: readonly Cells[]): void {
  let start = 0;
  for (const array of arrays) {
    new (array.constructor as Float32ArrayConstructor)(memory, start, array.length).set(array);
    start += array.byteLength;
  }
}

/** Copies what lies one after another in `memory` into `arrays`. */
export function take(memory: ArrayBuffer, arrays: readonly Cells[]): void {
  let start = 0;
  for (const array of arrays) {
    array.set(new (array.constructor as Float32ArrayConstructor)(memory, start, array.length));
    start += array.byteLength;
  }
}
