/** What the runners of one context have in common beside it: their turns, their programs, its errors. */
import { Programs } from './program.js';
export declare const LOST = "the WebGL context was lost (the graphics driver restarted?); load the model again";
export declare class Sharing {
    private readonly gl;
    readonly programs: Programs;
    private last;
    private constructor();
    private static readonly known;
    static of(gl: WebGL2RenderingContext): Sharing;
    /**
     * Does `work` when all work before it has ended, and asks for errors after it: WebGL keeps them for the context as a whole, so
     * the work of two runners must not overlap, lest one be blamed for the other's.
     */
    inTurn<T>(work: () => T | Promise<T>): Promise<T>;
    private requireContext;
    private check;
}
