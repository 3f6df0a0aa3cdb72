/** WebGL 2: every tensor a texture, every step a fragment shader. */
import type { Backend } from '../backend.js';
export declare const webgl: Backend;
