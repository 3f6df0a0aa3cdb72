/** Directory → Runner: read and check the Descriptor, then start the first backend that can. */
import { type LoadOptions } from './options.js';
import { Runner } from './runner.js';
/** Loads the Descriptor in `directory`: a URL or, in Node, also a path. */
export declare function load(directory: string | URL, options?: LoadOptions): Promise<Runner>;
