/** The backends of this build. Each one's folder has the same file names; having read one, you have read four. */

import type { Backend } from './backend';
import { fallback } from './fallback';
import type { BackendName } from './plan';
import { webgl } from './webgl';
import { webgpu } from './webgpu';

export const BACKENDS: Partial<Record<BackendName, Backend>> = { webgpu, webgl, fallback };

/** Fastest first: the order in which `load` tries them. */
export const DEFAULT_ORDER: readonly BackendName[] = ['webgpu', 'webgl', 'webassembly', 'fallback'];
