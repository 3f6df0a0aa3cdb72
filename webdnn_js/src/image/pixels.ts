/** RGBA bytes, as a canvas has them, to and from the arrays that models take. */

import { WebDNNError } from '../errors';
import { ARRAYS, Color, Order, type ArrayOf, type ArrayOptions } from './options';

/** RGBA of each pixel, row after row, colours not multiplied by alpha. */
export interface Pixels {
  readonly data: Uint8ClampedArray<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
}

/** By Color: where each channel of the array stands in a pixel. GREY is no single one: see LUMA. */
const POSITIONS: readonly (readonly number[])[] = [[0, 1, 2], [2, 1, 0], [0], [0, 1, 2, 3], [2, 1, 0, 3]];
/** Rec. 709. */
const LUMA = [0.2126, 0.7152, 0.0722] as const;

interface Layout {
  readonly grey: boolean;
  /** For each channel of the array: its place in a pixel, and the first index in the array. */
  readonly channels: readonly { readonly from: number; readonly start: number }[];
  /** From one pixel's value to the next one's. */
  readonly step: number;
  /** For each channel of the array; of a grey one for red, green and blue. */
  readonly bias: readonly number[];
  readonly scale: readonly number[];
}

/** One number for each of `count` channels. */
function each(name: string, given: number | ArrayLike<number>, count: number): number[] {
  const values = typeof given === 'number' ? [given] : Array.from(given);
  if (values.length === 1) return Array.from({ length: count }, () => values[0]!);
  if (values.length === count) return values;
  throw new WebDNNError('image', `${name}: got ${values.length} numbers, want one or ${count}`);
}

function layoutOf(options: ArrayOptions, area: number): Layout {
  const { color = Color.RGB, order = Order.HWC } = options;
  const positions = POSITIONS[color]!;
  const grey = color === Color.GREY;
  const count = grey ? 3 : positions.length;
  const planes = order === Order.CHW;
  return {
    grey,
    channels: positions.map((from, c) => ({ from, start: planes ? c * area : c })),
    step: planes ? 1 : positions.length,
    bias: each('bias', options.bias ?? 0, count),
    scale: each('scale', options.scale ?? 1, count),
  };
}

/** Options are checked. */
export function pixelsToArray<O extends ArrayOptions>({ data, width, height }: Pixels, options: O): ArrayOf<O> {
  const area = width * height;
  const { grey, channels, step, bias, scale } = layoutOf(options, area);
  const array = new ARRAYS[options.type?.name ?? 'Float32Array']!(area * channels.length);
  if (grey) {
    const part = (p: number, c: 0 | 1 | 2): number => (LUMA[c] * (data[p + c]! - bias[c]!)) / scale[c]!;
    for (let i = 0, p = 0; i < area; i++, p += 4) array[i] = part(p, 0) + part(p, 1) + part(p, 2);
    return array as ArrayOf<O>;
  }
  channels.forEach(({ from, start }, c) => {
    const [less, by] = [bias[c]!, scale[c]!];
    for (let p = from, i = start; p < area * 4; p += 4, i += step) array[i] = (data[p]! - less) / by;
  });
  return array as ArrayOf<O>;
}

/** The inverse: `value · scale + bias`, rounded and cut to 0 … 255. Without an alpha channel all is opaque. Options are checked. */
export function arrayToPixels(array: ArrayLike<number>, width: number, height: number, options: ArrayOptions): Pixels {
  const area = width * height;
  const { grey, channels, step, bias, scale } = layoutOf(options, area);
  if (array.length !== area * channels.length) {
    const want = `${area * channels.length} (${width}×${height}, ${channels.length} channels)`;
    throw new WebDNNError('image', `got ${array.length} values, want ${want}`);
  }
  const data = new Uint8ClampedArray(area * 4).fill(255);
  const places = grey ? [0, 1, 2].map((from) => ({ from, start: 0 })) : channels;
  places.forEach(({ from, start }, c) => {
    for (let p = from, i = start; p < area * 4; p += 4, i += step) data[p] = array[i]! * scale[c]! + bias[c]!;
  });
  return { data, width, height };
}
