/** WebDNN 1's quick question: which backends has this browser? Whether one really starts, only `load` finds out. */

import { BACKENDS } from './backends';
import { DEFAULT_ORDER } from './options';
import type { BackendName } from './plan';
import { isSupported } from './webassembly/variant';
import { reasonAgainst } from './webgl/context';

export interface BackendAvailability {
  readonly status: Readonly<Record<BackendName, boolean>>;
  /** The available ones, in the order in which `load` tries them. */
  readonly defaultOrder: readonly BackendName[];
}

const PROBES: Readonly<Record<BackendName, () => boolean>> = {
  webgpu: () => Boolean(globalThis.navigator?.gpu), // an adapter can be asked for, but not waited for here
  webgl: () => reasonAgainst() === undefined,
  webassembly: () => 'WebAssembly' in globalThis && isSupported('simd'),
  fallback: () => true,
};

export function getBackendAvailability(): BackendAvailability {
  const has = (name: BackendName): boolean => name in BACKENDS && PROBES[name]();
  const status = Object.fromEntries(DEFAULT_ORDER.map((name) => [name, has(name)])) as Record<BackendName, boolean>;
  return { status, defaultOrder: DEFAULT_ORDER.filter((name) => status[name]) };
}
