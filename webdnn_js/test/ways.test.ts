import { expect, it } from 'vitest';
import type { BoundStep, BoundView } from '../src/backend';
import { WINDOWS, wayOf } from '../src/webassembly/ways';

const view = (rows: number, columns: number): BoundView => {
  return { buffer: 0, offset: 0, pitch: columns, shape: [rows, columns], rows, columns };
};

interface Given {
  readonly kernel?: number;
  readonly rows?: number;
  readonly channels?: number;
  readonly args?: readonly number[];
}

const step = ({ kernel = 0, rows = 49, channels = 64, args = [] }: Given): BoundStep => {
  return { kernel, in: [view(rows, channels)], out: [view(rows, 32)], args, dispatch: [], origin: '' };
};

/** N, H, W, C, O, OH, OW, then padding, kernel, strides and dilation. */
const convolution = (height: number, padding: number, kernel: number, stride: number, dilation: number): BoundStep =>
  step({ args: [1, height, 7, 64, 32, height, 7, ...[padding, kernel, stride, dilation].flatMap((n) => [n, n])] });

it('sizes are none, however small or large', () => {
  for (const height of [1, 2, 7, 8, 9, 100])
    expect(wayOf(convolution(height, 1, 3, 1, 1), 'conv2d')).toBe(wayOf(convolution(56, 1, 3, 1, 1), 'conv2d'));
  expect(wayOf(step({ args: [3, 5] }), 'matmul')).toBe(wayOf(step({ args: [300, 500] }), 'matmul'));
});

it.each([
  ['kernel', convolution(56, 1, 5, 1, 1)],
  ['stride', convolution(56, 1, 3, 2, 1)],
  ['dilation', convolution(56, 1, 3, 1, 16)],
  ['padding', convolution(56, 0, 3, 1, 1)],
])('another %s is another way, of transposed convolutions too', (_, other) => {
  const one = convolution(56, 1, 3, 1, 1);
  expect(wayOf(other, 'conv2d')).not.toBe(wayOf(one, 'conv2d'));
  expect(wayOf(other, 'conv2d_transpose')).not.toBe(wayOf(one, 'conv2d_transpose'));
});

it('large windows are told apart like small ones', () => {
  expect(wayOf(convolution(56, 1, 11, 1, 1), 'conv2d')).not.toBe(wayOf(convolution(56, 1, 13, 1, 1), 'conv2d'));
});

it('a single row, few channels and another kernel are others', () => {
  const others = [step({}), step({ rows: 1 }), step({ channels: 3 }), step({ kernel: 1 })].map((s) =>
    wayOf(s, 'matmul'),
  );
  expect(new Set(others).size).toBe(4);
  expect(wayOf(step({ rows: 2 }), 'matmul')).toBe(others[0]);
});

it('a step without an input has one', () => {
  expect(wayOf({ ...step({}), in: [] }, 'fill')).toBe(wayOf({ ...step({}), in: [] }, 'fill'));
  expect(Object.keys(WINDOWS)).not.toContain('fill');
});
