/** Is this untrusted value a Manifest? Every number in it is then safe to use. */
import type { Manifest } from './plan.js';
export declare function checkManifest(value: unknown): Manifest;
