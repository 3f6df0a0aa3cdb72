/** The backends of this build. Each one's folder has the same file names; having read one, you have read four. */
import type { Backend } from './backend.js';
import type { BackendName } from './plan.js';
export declare const BACKENDS: Record<BackendName, Backend>;
