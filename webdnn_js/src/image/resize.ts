/**
 * Resizing that gives the same bytes in every browser, and those of Pillow's `BILINEAR`: each pixel of the result is the mean of
 * the pixels around its place, weighted by a triangle that is two pixels wide, of the larger of both pictures. First along x,
 * then along y, in whole numbers, rounded to bytes in between.
 */

export type Bytes = Uint8ClampedArray<ArrayBuffer>;
/** RGBA of `count` rows from row `first` on, in memory of their own, which may be altered. */
export type Rows = (first: number, count: number) => Bytes;

/** `length` of `pixels`, from `start` on, become `size`. */
export interface Axis {
  readonly pixels: number;
  readonly start: number;
  readonly length: number;
  readonly size: number;
}

/** Weights are multiples of 2^-22: then sums of bytes fit into int32. */
const BITS = 22;
const HALF = 1 << (BITS - 1);
/** Pixels that are read at once: more, and a canvas of some phones stays empty. */
const BAND = 2 ** 24;

interface Taps {
  /** For each pixel of the result: the first pixel that counts, and how many do. */
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  /** `stride` for each pixel of the result. */
  readonly weights: Int32Array;
  readonly stride: number;
}

const isSame = ({ pixels, start, length, size }: Axis): boolean => start === 0 && length === pixels && size === pixels;

function tapsOf({ pixels, start, length, size }: Axis): Taps {
  const step = length / size;
  const reach = Math.max(step, 1);
  const stride = 2 * Math.ceil(reach) + 1;
  const taps = {
    starts: new Int32Array(size),
    counts: new Int32Array(size),
    weights: new Int32Array(size * stride),
    stride,
  };
  for (let i = 0; i < size; i++) {
    const centre = start + (i + 0.5) * step;
    const first = Math.max(Math.trunc(centre - reach + 0.5), 0);
    const count = Math.min(Math.trunc(centre + reach + 0.5), pixels) - first;
    const heights = Array.from({ length: count }, (_, k) =>
      Math.max(1 - Math.abs((first + k - centre + 0.5) * (1 / reach)), 0),
    );
    const total = heights.reduce((sum, height) => sum + height, 0);
    taps.starts[i] = first;
    taps.counts[i] = count;
    heights.forEach((height, k) => (taps.weights[i * stride + k] = Math.trunc((height / total) * 2 ** BITS + 0.5)));
  }
  return taps;
}

/** Where a pass begins in `data`, and how far it is there from one pixel to the next along the axis; in pixels. */
interface Place<Data> {
  readonly data: Data;
  readonly offset: number;
  readonly step: number;
}

/** One pass, over `lines` lines side by side. Whole pixels are read at once, which is faster, and alpha only where it matters. */
function weigh(taps: Taps, from: Place<Uint32Array>, to: Place<Bytes>, lines: number, opaque: boolean): void {
  const { starts, counts, weights, stride } = taps;
  const { data: source, step } = from;
  const { data: target } = to;
  for (let i = 0; i < starts.length; i++) {
    const first = i * stride;
    const end = first + counts[i]!;
    for (let line = 0; line < lines; line++) {
      const start = from.offset + starts[i]! * step + line;
      let r = HALF;
      let g = HALF;
      let b = HALF;
      let a = opaque ? 255 << BITS : HALF;
      for (let k = first, p = start; k < end; k++, p += step) {
        const pixel = source[p]! | 0;
        const weight = weights[k]!;
        r = (r + Math.imul(pixel & 255, weight)) | 0;
        g = (g + Math.imul((pixel >> 8) & 255, weight)) | 0;
        b = (b + Math.imul((pixel >> 16) & 255, weight)) | 0;
      }
      for (let k = first, p = start; !opaque && k < end; k++, p += step) {
        a = (a + Math.imul(source[p]! >>> 24, weights[k]!)) | 0;
      }
      const q = 4 * (to.offset + i * to.step + line);
      target[q] = r >> BITS;
      target[q + 1] = g >> BITS;
      target[q + 2] = b >> BITS;
      target[q + 3] = a >> BITS;
    }
  }
}

const isOpaque = (data: Bytes): boolean => {
  for (let p = 3; p < data.length; p += 4) if (data[p] !== 255) return false;
  return true;
};

/** Replaces colours by `change(colour, alpha)` where alpha is less than 255. */
function recolour(data: Bytes, change: (colour: number, alpha: number) => number): void {
  for (let p = 3; p < data.length; p += 4) {
    const alpha = data[p]!;
    for (let c = p - 3; alpha < 255 && c < p; c++) data[c] = change(data[c]!, alpha);
  }
}

/** What is hardly to be seen must hardly count: colours are multiplied by alpha before they are mixed. */
const multiply = (data: Bytes): void => recolour(data, (colour, alpha) => Math.round((colour * alpha) / 255));
const divide = (data: Bytes): void =>
  recolour(data, (colour, alpha) => (alpha ? Math.trunc((colour * 255) / alpha) : 0));

/** First row and number of rows of what is read at once. */
function* bands(width: number, lines: number): Generator<[first: number, count: number]> {
  const height = Math.max(Math.floor(BAND / width), 1);
  for (let first = 0; first < lines; first += height) yield [first, Math.min(height, lines - first)];
}

/** The rows as they are: colours that were multiplied by alpha and divided again would be others. */
function copied(rows: Rows, width: number, lines: number): Bytes {
  const data = new Uint8ClampedArray(4 * width * lines);
  for (const [first, count] of bands(width, lines)) data.set(rows(first, count), 4 * first * width);
  return data;
}

interface Narrowed {
  readonly data: Bytes;
  /** Whether there is no alpha below 255; where there is, colours are multiplied by it. */
  readonly opaque: boolean;
}

/** All `lines` of `rows`, `x.size` wide. */
function narrowed(rows: Rows, x: Axis, lines: number): Narrowed {
  const taps = isSame(x) ? undefined : tapsOf(x);
  const data = new Uint8ClampedArray(4 * x.size * lines);
  let opaque = true;
  for (const [first, count] of bands(x.pixels, lines)) {
    const band = rows(first, count);
    const isBandOpaque = isOpaque(band);
    opaque &&= isBandOpaque;
    if (!isBandOpaque) multiply(band);
    if (!taps) data.set(band, 4 * first * x.size);
    const pixels = new Uint32Array(band.buffer);
    for (let row = 0; taps && row < count; row++) {
      const to = { data, offset: (first + row) * x.size, step: 1 };
      weigh(taps, { data: pixels, offset: row * x.pixels, step: 1 }, to, 1, isBandOpaque);
    }
  }
  return { data, opaque };
}

/** `x.size` × `y.size` pixels of RGBA. */
export function resize(rows: Rows, x: Axis, y: Axis): Bytes {
  if (isSame(x) && isSame(y)) return copied(rows, x.size, y.size);
  const { data, opaque } = narrowed(rows, x, y.pixels);
  let result = data;
  if (!isSame(y)) {
    result = new Uint8ClampedArray(4 * x.size * y.size);
    const from = { data: new Uint32Array(data.buffer), offset: 0, step: x.size };
    weigh(tapsOf(y), from, { data: result, offset: 0, step: x.size }, x.size, opaque);
  }
  if (!opaque) divide(result);
  return result;
}
