/** Which compiled module this engine can run, fastest first. */

import { WebDNNError } from '../errors';
import type { FileRef } from '../plan';

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
}

/** `forced` is the option `variant`. */
export function chooseVariant(files: Readonly<Record<string, FileRef>>, forced: unknown): Choice {
  const names = Object.keys(PROBES);
  const present = names.filter((name) => Object.hasOwn(files, name));
  if (forced !== undefined) {
    if (typeof forced !== 'string' || !names.includes(forced)) {
      const got = typeof forced === 'string' ? `'${forced}'` : typeof forced;
      throw new WebDNNError('option', `webassembly: variant must be one of ${names.join(', ')}, got ${got}`);
    }
    if (!present.includes(forced)) {
      throw new WebDNNError(
        'option',
        `webassembly: the Descriptor has no variant ${forced}; it has ${present.join(', ')}`,
      );
    }
    if (!isSupported(forced))
      throw new WebDNNError('backend', `webassembly: this engine cannot run the variant ${forced}`);
    return { variant: forced, file: files[forced]!, reason: 'asked for by backendOptions.webassembly.variant' };
  }
  const variant = present.find(isSupported);
  if (variant === undefined) {
    throw new WebDNNError(
      'backend',
      `webassembly: this engine runs none of the variants ${present.join(', ') || '(none)'}`,
    );
  }
  const missing = present.slice(0, present.indexOf(variant));
  const reason = missing.length ? `this engine has no ${missing.join(', ')}` : 'the fastest in the Descriptor';
  return { variant, file: files[variant]!, reason };
}
