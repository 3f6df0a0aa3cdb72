/** The backends of this build. Each one's folder has the same file names; having read one, you have read four. */

import type { Backend } from './backend';
import { fallback } from './fallback';
import type { BackendName } from './plan';
import { webassembly } from './webassembly';
import { webgl } from './webgl';
import { webgpu } from './webgpu';

export const BACKENDS: Record<BackendName, Backend> = { webgpu, webgl, webassembly, fallback };
