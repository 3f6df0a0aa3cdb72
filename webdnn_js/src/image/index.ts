/** `WebDNN.Image`: pictures to arrays and back. Works in pages and in workers. */

import { WebDNNError, reasonOf } from '../errors';
import { read } from '../fetch';
import { readPixels, writePixels, type Canvas, type Drawable, type Rectangles } from './canvas';
import { arrayToPixels, pixelsToArray, type ArrayOptions, type Pixels } from './pixels';

export { Color, Order, type ArrayOptions } from './pixels';
export type { Rectangles } from './canvas';

export type ImageOptions = Rectangles & ArrayOptions;
/** A string is a URL; a file input stands for its first file. */
export type ImageSource = string | Drawable | ImageData | Blob | HTMLInputElement;

async function decode(blob: Blob, name: string): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(blob);
  } catch (error) {
    throw new WebDNNError('image', `${name}: not a picture that can be read: ${reasonOf(error)}`, { cause: error });
  }
}

/** The file of a file input, or the source itself. */
function fileOf(source: Exclude<ImageSource, string>): Drawable | ImageData | Blob {
  if (typeof source !== 'object' || (source as unknown) === null) {
    throw new WebDNNError('image', 'got no picture and no address of one');
  }
  if (!('files' in source)) return source;
  const file = source.files?.[0];
  if (!file) throw new WebDNNError('image', 'no file is chosen in this file input');
  return file;
}

/** The values of a picture, cut out, resized and scaled as `options` say, for `runner.inputs[i].set`. */
export async function getImageArray(image: ImageSource, options: ImageOptions = {}): Promise<Float32Array> {
  const source = typeof image === 'string' ? new Blob([await read(image, undefined)]) : fileOf(image);
  if (source instanceof Blob) {
    const bitmap = await decode(source, typeof image === 'string' ? image : 'file');
    try {
      return pixelsToArray(readPixels(bitmap, options), options);
    } finally {
      bitmap.close();
    }
  }
  if ('decode' in source && !source.complete) {
    await source.decode().catch((error: unknown) => {
      throw new WebDNNError('image', `${source.src}: not loaded: ${reasonOf(error)}`, { cause: error });
    });
  }
  return pixelsToArray(readPixels(source, options), options);
}

/** Draws an array of `width` × `height` pixels, for example an output, onto `canvas`; `options` as for `getImageArray`. */
export function setImageArrayToCanvas(
  array: ArrayLike<number> | { toActual(): ArrayLike<number> },
  width: number,
  height: number,
  canvas: Canvas,
  options: ImageOptions = {},
): void {
  const values = 'toActual' in array ? array.toActual() : array;
  const pixels: Pixels = arrayToPixels(values, width, height, options);
  writePixels(pixels, canvas, options);
}
