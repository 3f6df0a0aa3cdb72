/** The options of `WebDNN.Image`. What is not known, or of the wrong kind, is an error: nothing that a page says is ignored. */

import { isObject, show } from '../check';
import { WebDNNError, rejectUnknown } from '../errors';

/** `WebDNN.Image.Color`: the channels of an array, in order. */
export const Color = { RGB: 0, BGR: 1, GREY: 2, RGBA: 3, BGRA: 4 } as const;
/** `WebDNN.Image.Order`: planes one after another, or channels together. */
export const Order = { CHW: 0, HWC: 1 } as const;
export type Color = (typeof Color)[keyof typeof Color];
export type Order = (typeof Order)[keyof typeof Order];

/** Cuts `src…` out of the picture, resizes it, and puts it at `dst…`. All in pixels. */
export interface Rectangles {
  /** Default 0, as srcY. */
  readonly srcX?: number;
  readonly srcY?: number;
  /** Default: all that is right of srcX. */
  readonly srcW?: number;
  /** Default: all that is below srcY. */
  readonly srcH?: number;
  /** Default 0, as dstY. The result is dstX + dstW wide and dstY + dstH high, and 0 outside of the picture. */
  readonly dstX?: number;
  readonly dstY?: number;
  /** Default: srcW; of `setImageArrayToCanvas` the canvas's width. */
  readonly dstW?: number;
  /** Default: srcH; of `setImageArrayToCanvas` the canvas's height. */
  readonly dstH?: number;
}

/** Channel c of the array is `(pixel − bias[c]) / scale[c]`; pixels are 0 … 255. */
export interface ArrayOptions {
  /** Default RGB. */
  readonly color?: Color;
  /** Default HWC. */
  readonly order?: Order;
  /** Default 0. One number stands for all channels; three of a grey picture are those of red, green and blue. */
  readonly bias?: number | ArrayLike<number>;
  /** Default 1. Otherwise as `bias`. */
  readonly scale?: number | ArrayLike<number>;
  /** Default Float32Array. Int32Array cuts off what is behind the point. */
  readonly type?: Float32ArrayConstructor | Int32ArrayConstructor;
}

export type ImageOptions = Rectangles & ArrayOptions;

/** What `options` asks for. */
export type ArrayOf<O extends ImageOptions> = O extends { readonly type: Int32ArrayConstructor }
  ? Int32Array<ArrayBuffer>
  : Float32Array<ArrayBuffer>;

/** `problem` is what stands before the wrong value in a message; `NAME: got` by default. */
type Rule = readonly [want: string, test: (value: unknown) => boolean, problem?: string];

/** No browser has a canvas with longer sides. */
const LONGEST = 2 ** 16;
/** Pixels of a result: 800 MB of RGB in float32. */
const LARGEST = 2 ** 26;

const isNumber = (value: unknown): value is number => Number.isFinite(value);
/** A list from a single number, or from whatever has numbers: an array, a typed array, a view of a runner. */
const listOf = (value: unknown): unknown[] => (typeof value === 'number' ? [value] : Array.from(value as unknown[]));
const isNumbers = (value: unknown): boolean =>
  isNumber(value) ||
  (typeof value === 'object' && value !== null && 'length' in value && listOf(value).every(isNumber));
const oneOf = (name: 'Color' | 'Order', choices: Readonly<Record<string, number>>): Rule => [
  `one of ${Object.keys(choices)
    .map((key) => `WebDNN.Image.${name}.${key}`)
    .join(', ')}`,
  (value) => Object.values<unknown>(choices).includes(value),
  `unknown ${name.toLowerCase()}`,
];
const whole = (least: number): Rule => [
  `a whole number from ${least} to ${LONGEST}`,
  (value) => Number.isInteger(value) && Number(value) >= least && Number(value) <= LONGEST,
];

/** By name, since a frame of the page has constructors of its own. */
export const ARRAYS: Readonly<Record<string, Float32ArrayConstructor | Int32ArrayConstructor>> = {
  Float32Array,
  Int32Array,
};

const START: Rule = ['a number from 0 on', (value) => isNumber(value) && value >= 0];
const EXTENT: Rule = ['a number above 0', (value) => isNumber(value) && value > 0];
const RULES: Readonly<Record<keyof ImageOptions, Rule>> = {
  srcX: START,
  srcY: START,
  srcW: EXTENT,
  srcH: EXTENT,
  dstX: whole(0),
  dstY: whole(0),
  dstW: whole(1),
  dstH: whole(1),
  color: oneOf('Color', Color),
  order: oneOf('Order', Order),
  bias: ['a number or a list of numbers', isNumbers],
  scale: ['a number or a list of numbers other than 0', (value) => isNumbers(value) && !listOf(value).includes(0)],
  type: ['Float32Array or Int32Array', (value) => typeof value === 'function' && Object.hasOwn(ARRAYS, value.name)],
};

/** Whether both begin alike and differ by one letter after that: wrong, missing, or too much. */
function isTypo(a: string, b: string): boolean {
  let same = 0;
  while (same < a.length && a[same] === b[same]) same++;
  const [left, right] = [a.slice(same), b.slice(same)];
  return left.slice(1) === right.slice(1) || left.slice(1) === right || left === right.slice(1);
}

/** The name that was meant, perhaps. `dstWidth` → `dstW`. */
function nearest(name: string): string {
  const [given, known] = [name.toLowerCase(), Object.keys(RULES)];
  const found =
    known.find((one) => given.startsWith(one.toLowerCase()) || one.toLowerCase().startsWith(given)) ??
    known.find((one) => isTypo(given, one.toLowerCase()));
  return found ? `; did you mean ${found}?` : '';
}

/** Throws unless `options` are such as `RULES` wants; one that is undefined counts as not given. */
export function checkOptions(options: ImageOptions): void {
  if (!isObject(options)) throw new WebDNNError('image', `options: got ${show(options)}, want an object`);
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(RULES, name)) rejectUnknown('image', 'option', name, Object.keys(RULES), nearest(name));
    const [want, test, problem = `${name}: got`] = RULES[name as keyof ImageOptions];
    if (!test(value)) throw new WebDNNError('image', `${problem} ${show(value)}, want ${want}`);
  }
}

/** x, y, width, height. */
export type Rectangle = readonly [x: number, y: number, width: number, height: number];

/** Computed sizes may be off by a rounding error. */
const SLACK = 1e-6;

/** From where to where, of a picture of `width` × `height`; `dst` is where it goes if `options` do not say. */
export function rectangles(
  options: Rectangles,
  width: number,
  height: number,
  dst?: readonly [width: number, height: number],
): { src: Rectangle; dst: Rectangle } {
  const { srcX = 0, srcY = 0, dstX = 0, dstY = 0 } = options;
  const { srcW = width - srcX, srcH = height - srcY } = options;
  if (!(srcW > 0 && srcH > 0 && srcX + srcW <= width + SLACK && srcY + srcH <= height + SLACK)) {
    const cut = `srcX ${srcX}, srcY ${srcY}, srcW ${srcW}, srcH ${srcH}`;
    throw new WebDNNError('image', `${cut} is not inside of the picture, which is ${width}×${height}`);
  }
  const { dstW = dst?.[0] ?? srcW, dstH = dst?.[1] ?? srcH } = options;
  if (!(Number.isInteger(dstW) && Number.isInteger(dstH))) {
    throw new WebDNNError('image', `srcW ${srcW} and srcH ${srcH} are not whole: give dstW and dstH, which must be`);
  }
  if ((dstX + dstW) * (dstY + dstH) > LARGEST) {
    throw new WebDNNError(
      'image',
      `${dstX + dstW}×${dstY + dstH} pixels are more than ${LARGEST}: give a smaller dstW and dstH`,
    );
  }
  return { src: [srcX, srcY, srcW, srcH], dst: [dstX, dstY, dstW, dstH] };
}
