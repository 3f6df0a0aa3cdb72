/** Plain TypeScript: runs wherever JavaScript does. */
import type { Backend } from '../backend.js';
export declare const fallback: Backend;
