/** `WebDNN.Image`: pictures to arrays and back. Works in pages and in workers. */

import { show } from '../check';
import { WebDNNError } from '../errors';
import { kindOf, readPixels, writePixels, type Canvas, type Drawable } from './canvas';
import { checkOptions, type ArrayOf, type ImageOptions } from './options';
import { arrayToPixels, pixelsToArray } from './pixels';
import { drawableOf, type ImageSource } from './sources';

export { Color, Order, type ArrayOptions, type ImageOptions, type Rectangles } from './options';
export { loadImageByDialog, loadImageByUrl, loadImageFromFileInput, type ImageSource } from './sources';
export type { Drawable } from './canvas';

/** The values of a picture that is there already, cut out, resized and scaled as `options` say. */
export function getImageArrayFromDrawable<O extends ImageOptions = ImageOptions>(
  image: Drawable,
  options: O = {} as O,
): ArrayOf<O> {
  checkOptions(options);
  if (typeof image !== 'object' || (image as unknown) === null) {
    throw new WebDNNError('image', `got ${show(image)}, want a picture; getImageArray takes addresses and files`);
  }
  return pixelsToArray(readPixels(image, options), options);
}

/** As in WebDNN 1. */
export {
  getImageArrayFromDrawable as getImageArrayFromCanvas,
  getImageArrayFromDrawable as getImageArrayFromImageData,
};

/** The values of a picture, cut out, resized and scaled as `options` say, for `runner.inputs[i].set`. */
export async function getImageArray<O extends ImageOptions = ImageOptions>(
  image: ImageSource,
  options: O = {} as O,
): Promise<ArrayOf<O>> {
  checkOptions(options);
  const drawable = await drawableOf(image);
  try {
    return getImageArrayFromDrawable(drawable, options);
  } finally {
    if (drawable !== image && 'close' in drawable) drawable.close();
  }
}

/**
 * Draws an array of `width` × `height` pixels, for example an output, onto `canvas`, all of it if there is no `dst…`; the other
 * options as for `getImageArray`.
 */
export function setImageArrayToCanvas(
  array: ArrayLike<number> | { toActual(): ArrayLike<number> },
  width: number,
  height: number,
  canvas: Canvas,
  options: ImageOptions = {},
): void {
  checkOptions(options);
  checkOptions({ dstW: width, dstH: height });
  if (typeof array !== 'object' || (array as unknown) === null || !('length' in array || 'toActual' in array)) {
    throw new WebDNNError('image', `got ${show(array)}, want a list of numbers`);
  }
  const flat = Array.isArray(array) ? (array.flat(Infinity) as number[]) : array;
  const pixels = arrayToPixels('toActual' in flat ? flat.toActual() : flat, width, height, options);
  if (!canvas || !('getContext' in canvas)) throw new WebDNNError('image', `got ${kindOf(canvas)}, want a canvas`);
  writePixels(pixels, canvas, options);
}
