/** v1's quick question: which backends has this browser? Whether one really starts, only `load` finds out. */

import { BACKENDS, DEFAULT_ORDER } from './backends';
import type { BackendName } from './plan';

export interface BackendAvailability {
  readonly status: Readonly<Record<BackendName, boolean>>;
  /** The available ones, in the order in which `load` tries them. */
  readonly defaultOrder: readonly BackendName[];
}

const PROBES: Readonly<Record<BackendName, () => boolean>> = {
  webgpu: () => 'gpu' in (globalThis.navigator ?? {}),
  webgl: () => 'WebGL2RenderingContext' in globalThis,
  webassembly: () => 'WebAssembly' in globalThis,
  fallback: () => true,
};

export function getBackendAvailability(): BackendAvailability {
  const has = (name: BackendName): boolean => name in BACKENDS && PROBES[name]();
  const status = Object.fromEntries(DEFAULT_ORDER.map((name) => [name, has(name)])) as Record<BackendName, boolean>;
  return { status, defaultOrder: DEFAULT_ORDER.filter((name) => status[name]) };
}
