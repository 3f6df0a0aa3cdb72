/** Matrices whose rows may lie apart. */
import type { Cells } from './backend.js';
/** Where element (row, column) is: at `offset + row·pitch + column`. */
export interface Place {
    readonly offset: number;
    readonly pitch: number;
    readonly rows: number;
    readonly columns: number;
}
/** Fills the matrix that lies in `data` with `values`, row after row. */
export declare function writeMatrix(data: Cells, { offset, pitch, rows, columns }: Place, values: Cells): void;
/** Copies the matrix that lies in `data` to `values`, row after row. */
export declare function readMatrix(data: Cells, { offset, pitch, rows, columns }: Place, values: Cells): void;
