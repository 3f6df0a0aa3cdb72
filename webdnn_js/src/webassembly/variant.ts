/** Which compiled module this engine can run, fastest first, and on how many threads. */

import { WebDNNError } from '../errors';
import { nodeProcessors, nodeThreads } from '../node_threads';
import type { FileRef, Files } from '../plan';

// Each module has one function that uses one instruction of the feature.
const PROBES: Readonly<Record<string, readonly number[]>> = {
  // i32.const 1, i8x16.splat, i32.const 2, i8x16.splat, i8x16.relaxed_swizzle
  'relaxed-simd': [
    1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 128, 2, 11,
  ],
  // i32.const 0, i8x16.splat, i8x16.popcnt
  simd: [1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11],
};
const HEADER = [0, 97, 115, 109, 1, 0, 0, 0];

export const isSupported = (variant: string): boolean =>
  WebAssembly.validate(new Uint8Array([...HEADER, ...PROBES[variant]!]));

export interface Choice {
  readonly variant: string;
  readonly file: FileRef;
  /** Why this one, in words for people. */
  readonly reason: string;
  readonly threads: number;
  /** Whether the module wants memory that threads share; it can be run by one thread, too. */
  readonly shared: boolean;
  readonly threadsReason: string;
}

const SUFFIX = '-threads';
const MOST_THREADS = 64;

const processors = (): number => nodeProcessors() ?? (globalThis.navigator?.hardwareConcurrency || 1);

/** Why threads cannot share memory here; undefined when they can. */
function whyNoThreads(): string | undefined {
  if (nodeThreads()) return undefined; // there, memory may always be shared
  if (typeof Worker === 'undefined') return 'there are no workers here';
  if (globalThis.crossOriginIsolated !== true)
    return 'the page is not cross-origin isolated; serve it with COOP and COEP headers';
  return typeof SharedArrayBuffer === 'undefined' ? 'there is no SharedArrayBuffer here' : undefined;
}

/** All of few processors; of many, half, which are mostly second threads of the same cores, and not more than helps a network. */
function defaultThreads(): number {
  const count = processors();
  return count <= 4 ? count : Math.max(4, Math.min(8, Math.ceil(count / 2)));
}

/** The option `threads`, checked. */
function askedThreads(threads: unknown): number | undefined {
  if (threads === undefined || (Number.isInteger(threads) && Number(threads) >= 1 && Number(threads) <= MOST_THREADS)) {
    return threads as number | undefined;
  }
  throw new WebDNNError('option', `webassembly: threads must be a whole number, 1 to ${MOST_THREADS}`);
}

/** The option `variant`, checked: one of `names`, in the Descriptor, and such that this engine can run it. */
function askedVariant(files: Files, names: readonly string[], forced: unknown): string {
  if (typeof forced !== 'string' || !names.includes(forced)) {
    const got = typeof forced === 'string' ? `'${forced}'` : typeof forced;
    throw new WebDNNError('option', `webassembly: variant must be one of ${names.join(', ')}, got ${got}`);
  }
  if (!Object.hasOwn(files, forced)) {
    const present = names.filter((name) => Object.hasOwn(files, name)).join(', ');
    throw new WebDNNError('option', `webassembly: the Descriptor has no variant ${forced}; it has ${present}`);
  }
  if (!isSupported(forced.replace(SUFFIX, ''))) {
    throw new WebDNNError('backend', `webassembly: this engine cannot run the variant ${forced}`);
  }
  return forced;
}

/** The best set of instructions that this engine has and the Descriptor has a module for. */
function bestInstructions(files: Files): { instructions: string; reason: string } {
  const present = Object.keys(PROBES).filter((name) => Object.hasOwn(files, name));
  const instructions = present.find(isSupported);
  if (instructions === undefined) {
    const reason = present.length
      ? `this engine runs none of the variants ${present.join(', ')}`
      : 'the Descriptor has no kernels for it; convert the model again';
    throw new WebDNNError('backend', `webassembly: ${reason}`);
  }
  const missing = present.slice(0, present.indexOf(instructions));
  return {
    instructions,
    reason: missing.length ? `this engine has no ${missing.join(', ')}` : 'the fastest in the Descriptor',
  };
}

interface Options {
  readonly variant?: unknown;
  readonly threads?: unknown;
}

/** If they can share memory. */
function wantedThreads({ variant, threads }: Options): number {
  const forcedToOne = typeof variant === 'string' && !variant.endsWith(SUFFIX);
  return askedThreads(threads) ?? (forcedToOne ? 1 : defaultThreads());
}

/** Most threads that `chooseVariant` could choose. */
export const mostThreads = (options: Options): number => (whyNoThreads() === undefined ? wantedThreads(options) : 1);

/**
 * `options` are the backend's. A `variant` names one module, and one thread unless it or `threads` asks for more;
 * `noThreads` is a reason that the caller has for a single thread.
 */
export function chooseVariant(files: Files, options: Options, noThreads = whyNoThreads()): Choice {
  const names = Object.keys(PROBES).flatMap((name) => [name + SUFFIX, name]);
  const wanted = wantedThreads(options);
  const asked = options.threads !== undefined;
  const forced = options.variant === undefined ? undefined : askedVariant(files, names, options.variant);
  const { instructions, reason } = forced
    ? { instructions: forced.replace(SUFFIX, ''), reason: 'asked for by backendOptions.webassembly.variant' }
    : bestInstructions(files);
  const mustShare = forced?.endsWith(SUFFIX) ?? false;
  if (mustShare && noThreads) {
    throw new WebDNNError('backend', `webassembly: the variant ${forced} cannot run: ${noThreads}`);
  }
  const why =
    noThreads ?? (Object.hasOwn(files, instructions + SUFFIX) ? undefined : 'the Descriptor has no module for threads');
  const threads = why === undefined ? wanted : 1;
  const shared = threads > 1 || mustShare;
  const variant = shared ? instructions + SUFFIX : instructions;
  const because = asked ? 'asked for by backendOptions.webassembly.threads' : `of ${processors()} processors`;
  const threadsReason = wanted > 1 && why !== undefined ? why : forced && !asked && !mustShare ? reason : because;
  return { variant, file: files[variant]!, reason, threads, shared, threadsReason };
}
