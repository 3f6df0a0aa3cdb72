/** Between arrays of the page, where views lie dense and one after another, and regions, where they lie as the plan says. */
import type { BoundView, Cells } from '../backend.js';
import type { Region } from './region.js';
export declare const bytesOf: (elements: number) => number;
/** Bytes of all elements of `views`. */
export declare const sizeOf: (views: readonly BoundView[]) => number;
/** What lies together on both sides: bytes of a GPU buffer from `offset` on are bytes of the array from `at` on. */
interface Stretch {
    readonly buffer: GPUBuffer;
    readonly offset: number;
    readonly at: number;
    readonly bytes: number;
}
/** The stretches of several views; `regions` are where each lies. */
export declare function eachStretch(views: readonly BoundView[], regions: readonly Region[], copy: (stretch: Stretch) => void): void;
/** Writes `data` to `view` of `region`. */
export declare function write(queue: GPUQueue, view: BoundView, region: Region, data: Cells): void;
/** Copies `arrays` one after another into `memory`. */
export declare function fill(memory: ArrayBuffer, arrays: readonly Cells[]): void;
/** Copies what lies one after another in `memory` into `arrays`. */
export declare function take(memory: ArrayBuffer, arrays: readonly Cells[]): void;
export {};
