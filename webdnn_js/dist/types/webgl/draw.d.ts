/** One step as draw calls. */
import type { BoundStep, BoundView } from '../backend.js';
import type { Program } from './program.js';
import { type Texture } from './texture.js';
/** Where a buffer lies: its texture, and how many texels it has in each layer of that. */
export interface Place {
    readonly texture: Texture;
    readonly span: number;
}
/** The part of a layer that a call draws; of four layers, where it draws into four at once. */
interface Target {
    readonly layer: number;
    readonly y: number;
    width: number;
    height: number;
}
export interface Draw {
    readonly program: Program;
    readonly inputs: readonly Texture[];
    readonly output: Texture;
    readonly parameters: Int32Array;
    readonly spans: Int32Array;
    readonly targets: readonly Target[];
    readonly atOnce: boolean;
}
/** `place` tells where the buffer of a view lies; `targets` how many rows the kernel computes at once. */
export declare function prepare(step: BoundStep, program: Program, targets: number | undefined, place: (view: BoundView) => Place): Draw;
/** Sets all of the context's state that matters, since others have used it meanwhile. */
export declare function execute(gl: WebGL2RenderingContext, draw: Draw): void;
export {};
