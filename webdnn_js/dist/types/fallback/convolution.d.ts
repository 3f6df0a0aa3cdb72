/** Two-dimensional convolutions, channels last. Images are (N, H, W, C), so one pixel is one row of its operand. */
import type { KernelTable, Operand } from './operand.js';
/** Visits the pixels of an image (N, H, W, C); `offset` is that of the pixel's channel 0. */
export declare function forEachPixel(image: Operand, visit: (batch: number, row: number, column: number, offset: number) => void): void;
export declare const KERNELS: KernelTable;
