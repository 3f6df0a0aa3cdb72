/** Which compiled module this engine can run, fastest first. */
import type { FileRef } from '../plan.js';
export declare const isSupported: (variant: string) => boolean;
export interface Choice {
    readonly variant: string;
    readonly file: FileRef;
    /** Why this one, in words for people. */
    readonly reason: string;
}
/** `forced` is the option `variant`. */
export declare function chooseVariant(files: Readonly<Record<string, FileRef>>, forced: unknown): Choice;
