import { expect, it } from 'vitest';
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
