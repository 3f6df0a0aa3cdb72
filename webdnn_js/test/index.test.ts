import { afterEach, expect, it, vi } from 'vitest';
import packageJson from '../package.json';
import { BACKENDS } from '../src/backends';
import * as WebDNN from '../src/index';
import '../src/script';
import { fakeBackend } from './fixture';

const before = { ...BACKENDS };
afterEach(() => {
  for (const name of ['webgpu', 'webgl', 'webassembly', 'fallback'] as const) delete BACKENDS[name];
  Object.assign(BACKENDS, before);
});

it('exports what a page uses, also as a global', () => {
  expect(Object.keys(WebDNN).sort()).toEqual([
    'Image',
    'Math',
    'WebDNNError',
    'getBackendAvailability',
    'getConfiguration',
    'load',
    'registerKernel',
    'setConfiguration',
    'version',
  ]);
  expect((globalThis as { WebDNN?: object }).WebDNN).toMatchObject({ load: WebDNN.load });
});

it('has the version of its package', () => expect(WebDNN.version).toBe(packageJson.version));

it('says which backends there are', () => {
  for (const name of ['webgl', 'webassembly', 'fallback'] as const) BACKENDS[name] = fakeBackend(name);
  delete (BACKENDS as Partial<typeof BACKENDS>).webgpu;
  expect(WebDNN.getBackendAvailability()).toEqual({
    status: { webgpu: false, webgl: false, webassembly: true, fallback: true },
    defaultOrder: ['webassembly', 'fallback'],
  });
});

it('C10: counts webgl only where there is a context that renders to floating-point textures', async () => {
  const context = (extensions: readonly string[]) => ({
    getExtension: (name: string) => extensions.includes(name) || null,
    isContextLost: () => false,
  });
  const cases: [unknown, boolean][] = [
    [null, false],
    [context([]), false],
    [context(['EXT_color_buffer_float']), true],
  ];
  for (const [made, want] of cases) {
    vi.resetModules();
    vi.stubGlobal(
      'OffscreenCanvas',
      class {
        getContext = () => made;
      },
    );
    vi.stubGlobal('WebGL2RenderingContext', class {});
    const { getBackendAvailability } = await import('../src/availability');
    expect(getBackendAvailability().status.webgl).toBe(want);
    expect(getBackendAvailability().defaultOrder.includes('webgl')).toBe(want);
  }
  vi.unstubAllGlobals();
});

it('C4: keeps what a page configures', () => {
  expect(WebDNN.getConfiguration('DEBUG', false)).toBe(false);
  WebDNN.setConfiguration('DEBUG', true);
  expect(WebDNN.getConfiguration('DEBUG', false)).toBe(true);
  expect(WebDNN.getConfiguration('toString')).toBeUndefined();
});
