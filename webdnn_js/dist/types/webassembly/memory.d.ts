/** Linear memory: how much of it, and matrices in it. */
import type { TypedArray } from '../backend.js';
import { WebDNNError } from '../errors.js';
/** A view as an address. */
export interface Place {
    readonly address: number;
    readonly pitch: number;
    readonly rows: number;
    readonly columns: number;
}
export declare const PAGE = 65536;
export declare function outOfMemory(bytes: number, cause: unknown): WebDNNError;
/** Memory that never grows gets no room to: some phones then reserve no more than it has. `most`: bytes that it may grow to. */
export declare function makeMemory(bytes: number, grows: boolean, most: number, shared: boolean): WebAssembly.Memory;
export declare function writeRows(buffer: ArrayBufferLike, place: Place, data: TypedArray): void;
/** Fills `result`, or a new array: never a view, since memory that threads share is not for every API. */
export declare function readRows(buffer: ArrayBufferLike, place: Place, result?: TypedArray): TypedArray;
