/** RGBA bytes, as a canvas has them, to and from the arrays that models take. */

import { WebDNNError } from '../errors';

/** `WebDNN.Image.Color`: the channels of an array, in order. */
export const Color = { RGB: 0, BGR: 1, GREY: 2, RGBA: 3, BGRA: 4 } as const;
/** `WebDNN.Image.Order`: planes one after another, or channels together. */
export const Order = { CHW: 0, HWC: 1 } as const;
export type Color = (typeof Color)[keyof typeof Color];
export type Order = (typeof Order)[keyof typeof Order];

/** Channel c of the array is `(pixel − bias[c]) / scale[c]`; pixels are 0 … 255. */
export interface ArrayOptions {
  /** Default RGB. */
  readonly color?: Color;
  /** Default HWC. */
  readonly order?: Order;
  /** Default 0. One number stands for all channels. */
  readonly bias?: number | ArrayLike<number>;
  /** Default 1. One number stands for all channels. */
  readonly scale?: number | ArrayLike<number>;
}

export interface Pixels {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** By Color: where each channel of the array stands in a pixel. GREY is no single one: see LUMA. */
const POSITIONS: readonly (readonly number[])[] = [[0, 1, 2], [2, 1, 0], [0], [0, 1, 2, 3], [2, 1, 0, 3]];
/** Rec. 709. */
const LUMA = [0.2126, 0.7152, 0.0722] as const;

interface Layout {
  readonly grey: boolean;
  /** For each channel: place in a pixel, bias, scale, first index in the array. */
  readonly channels: readonly {
    readonly from: number;
    readonly bias: number;
    readonly scale: number;
    readonly start: number;
  }[];
  /** From one pixel's value to the next one's. */
  readonly step: number;
}

function layoutOf(options: ArrayOptions, area: number): Layout {
  const { color = Color.RGB, order = Order.HWC, bias = 0, scale = 1 } = options;
  const positions = POSITIONS[color];
  if (!positions) throw new WebDNNError('image', `unknown color ${String(color)}: use WebDNN.Image.Color`);
  const count = positions.length;
  const each = (given: number | ArrayLike<number>, name: string): number[] => {
    const values = typeof given === 'number' ? positions.map(() => given) : Array.from(given);
    if (values.length === count) return values;
    throw new WebDNNError('image', `${name}: got ${values.length} numbers, want one or ${count}`);
  };
  const biases = each(bias, 'bias');
  const scales = each(scale, 'scale');
  const planes = order === Order.CHW;
  const channels = positions.map((from, c) => ({
    from,
    bias: biases[c]!,
    scale: scales[c]!,
    start: planes ? c * area : c,
  }));
  return { grey: color === Color.GREY, channels, step: planes ? 1 : count };
}

export function pixelsToArray({ data, width, height }: Pixels, options: ArrayOptions): Float32Array {
  const area = width * height;
  const { grey, channels, step } = layoutOf(options, area);
  const array = new Float32Array(area * channels.length);
  for (const { from, bias, scale, start } of channels) {
    for (let p = 0, i = start; p < area * 4; p += 4, i += step) {
      const value = grey ? LUMA[0] * data[p]! + LUMA[1] * data[p + 1]! + LUMA[2] * data[p + 2]! : data[p + from]!;
      array[i] = (value - bias) / scale;
    }
  }
  return array;
}

/** The inverse: `value · scale + bias`, rounded and cut to 0 … 255. Without an alpha channel all is opaque. */
export function arrayToPixels(array: ArrayLike<number>, width: number, height: number, options: ArrayOptions): Pixels {
  const area = width * height;
  const { grey, channels, step } = layoutOf(options, area);
  if (array.length !== area * channels.length) {
    const want = `${area * channels.length} (${width}×${height}, ${channels.length} channels)`;
    throw new WebDNNError('image', `got ${array.length} values, want ${want}`);
  }
  const data = new Uint8ClampedArray(area * 4).fill(255);
  for (const { from, bias, scale, start } of channels) {
    for (let p = 0, i = start; p < area * 4; p += 4, i += step) {
      data[p + from] = array[i]! * scale + bias;
      if (grey) data[p + 1] = data[p + 2] = data[p]!;
    }
  }
  return { data, width, height };
}
