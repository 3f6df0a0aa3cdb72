import { expect, test } from 'vitest';
import { Machine } from '../src/fallback/machine';
import type { Plan } from '../src/plan';
import { REGISTERED, registerKernel, type RegisteredKernel } from '../src/registered';

const first: RegisteredKernel = () => undefined;

const machineOf = (...kernels: Plan['kernels']): Machine =>
  new Machine({ plan: { kernels, buffers: [] } as unknown as Plan, weights: [], kernels: REGISTERED });

test('a plan gets the kernels that it asks the page for, and only those', () => {
  registerKernel('first', first);
  expect(() => machineOf({ name: 'first', script: 'a.js' })).not.toThrow();
  expect(() => machineOf({ name: 'first' })).toThrow("fallback has no kernel 'first'");
});

test('a kernel that is missing is named with its script', () => {
  expect(() => machineOf({ name: 'missing', script: 'mine.js' })).toThrow(
    "fallback: this model needs the page's kernel 'missing': run mine.js before load",
  );
});

test('a name is one function', () => {
  registerKernel('once', first);
  registerKernel('once', first);
  expect(() => registerKernel('once', () => undefined)).toThrow("registerKernel: 'once' must be");
});

test.each([
  [3, first],
  ['name', 'text'],
])('registerKernel(%o, %o) is refused', (name, kernel) => {
  expect(() => registerKernel(name as string, kernel as RegisteredKernel)).toThrow('must be a name with a function');
});
