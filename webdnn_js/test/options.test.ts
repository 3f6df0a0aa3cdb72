import { expect, it } from 'vitest';
import { BACKENDS } from '../src/backends';
import type { BackendContext } from '../src/backend';
import { checkBackendOptions } from '../src/options';

it('refuses an option that the backend does not know', () => {
  expect(() =>
    checkBackendOptions('webgpu', { powerPreference: 'low-power', workerUrl: '/w' }, 'powerPreference'),
  ).not.toThrow();
  expect(() => checkBackendOptions('webgpu', { power: 1 }, 'powerPreference')).toThrow(
    "unknown option of webgpu 'power'; known: powerPreference",
  );
  expect(() => checkBackendOptions('fallback', { power: 1 })).toThrow('known: none');
});

it('every backend with a file of its own asks', async () => {
  const { WebGLExecutor } = await import('../src/webgl/executor');
  const context = { options: { power: 1 }, plan: { setup: [], buffers: [] } } as unknown as BackendContext;
  const contexts = { acquire: () => expect.fail('options come first'), release: () => undefined };
  await expect(WebGLExecutor.create(context, contexts)).rejects.toThrow("'power'");
  expect(() => BACKENDS.webgpu.prepare!({ options: { power: 1 } })).toThrow("'power'");
});

it('webgpu knows the values of its options', () => {
  const prepare = (options: Record<string, unknown>) => () => BACKENDS.webgpu.prepare!({ options });
  expect(prepare({ workgroups: 'some' })).toThrow(/workgroups.*few or many.*'some'/);
  expect(prepare({ powerPreference: 3 })).toThrow(/powerPreference.*low-power or high-performance.*'3'/);
});
