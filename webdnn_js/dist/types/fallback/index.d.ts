/** The fallback backend: plain TypeScript that runs wherever JavaScript does. Its kernels are a file of their own, loaded at `start`. */
import type { Backend } from '../backend.js';
export declare const fallback: Backend;
