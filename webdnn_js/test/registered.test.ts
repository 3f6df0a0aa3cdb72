import { expect, test } from 'vitest';
import type { Plan } from '../src/plan';
import { kernelsFor, registerKernel, type RegisteredKernel } from '../src/registered';

const planWith = (...kernels: Plan['kernels']): Plan => ({ kernels }) as Plan;
const first: RegisteredKernel = () => undefined;

test('a plan gets the kernels that it asks the page for, and only those', () => {
  registerKernel('first', first);
  registerKernel('other', () => undefined);
  expect(kernelsFor(planWith({ name: 'first' }, { name: 'other' }))).toBeUndefined();
  expect(kernelsFor(planWith({ name: 'softmax' }, { name: 'first', script: 'a.js' }))).toEqual({ first });
});

test('a kernel that is missing is named with its script', () => {
  expect(() => kernelsFor(planWith({ name: 'missing', script: 'mine.js' }))).toThrow(
    "fallback: this model needs the page's kernel 'missing': run mine.js before load",
  );
});

test('a name is one function', () => {
  registerKernel('once', first);
  registerKernel('once', first);
  expect(() => registerKernel('once', () => undefined)).toThrow("'once' is another function already");
});

test.each([
  ['', first],
  [3, first],
  ['name', 'text'],
])('registerKernel(%o, %o) is refused', (name, kernel) => {
  expect(() => registerKernel(name as string, kernel as RegisteredKernel)).toThrow('wants a name and a function');
});
