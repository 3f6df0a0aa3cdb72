import { afterEach, describe, expect, it, vi } from 'vitest';
import { chooseVariant } from '../src/webassembly/variant';

const file = { name: 'kernels.wasm', bytes: 8, integrity: '', tree: '' };

afterEach(() => void vi.restoreAllMocks());

describe('a Descriptor whose kernels cannot run', () => {
  it('has none', () => {
    expect(() => chooseVariant({}, {})).toThrow('the Descriptor has no kernels for it; convert the model again');
  });

  it('has none for this engine', () => {
    vi.spyOn(WebAssembly, 'validate').mockReturnValue(false);
    expect(() => chooseVariant({ 'relaxed-simd': file, simd: file }, {})).toThrow(
      'this engine runs none of the variants relaxed-simd, simd',
    );
  });
});
