/** Dense rows ↔ rows that begin at a texel. */
import type { Cells } from '../backend.js';
/** Elements from the first of a view to its last, in whole texels. */
export declare const extent: (rows: number, columns: number, pitch: number) => number;
/**
 * Calls `write` with whole texels, at their distance from the first row's element, until all `rows` dense rows of `data` stand `pitch`
 * apart. Gaps get zeros. Bands of rows keep the copy small.
 */
export declare function spread(data: Cells, rows: number, columns: number, pitch: number, write: (offset: number, texels: Cells) => void): void;
/** The reverse: `texels` begins with the first row. */
export declare function gather(texels: Cells, rows: number, columns: number, pitch: number, output: Cells): void;
