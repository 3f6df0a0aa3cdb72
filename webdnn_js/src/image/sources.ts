/** Pictures from addresses, files and dialogs. */

import { show } from '../check';
import { WebDNNError, reasonOf } from '../errors';
import { read } from '../fetch';
import { kindOf, type Drawable } from './canvas';

/** A string or URL is an address; a file input stands for its first file. */
export type ImageSource = string | URL | Drawable | Blob | HTMLInputElement;

/** As the file says: models are trained on pixels to which no colour profile was applied. */
const AS_STORED = { colorSpaceConversion: 'none', premultiplyAlpha: 'none' } as const;

const addressOf = (url: unknown): string => {
  const address = typeof url === 'string' || kindOf(url) === 'URL' ? String(url) : '';
  if (address) return address;
  throw new WebDNNError('image', `got ${kindOf(url)} as the address of a picture`);
};

/** What to add to a message, since a browser does not tell the page why another host's file was not read. */
function hintFor(address: string): string {
  const here = globalThis.location?.href;
  const isElsewhere = here !== undefined && new URL(address, here).origin !== new URL(here).origin;
  return isElsewhere ? '; another host must allow it by Access-Control-Allow-Origin' : '';
}

/** An `img` of `address`, loaded; `name` is for messages. */
async function imageOf(address: string, name: string): Promise<HTMLImageElement> {
  if (!('Image' in globalThis)) {
    throw new WebDNNError(
      'image',
      `${name}: needs an img element, which only a page has; use getImageArray, and no SVG`,
    );
  }
  const image = Object.assign(new Image(), { crossOrigin: 'anonymous', src: address });
  await image.decode().catch((error: unknown) => {
    throw new WebDNNError('image', `${name}: not loaded: ${reasonOf(error)}${hintFor(address)}`, { cause: error });
  });
  return image;
}

/** `use` of the address of a Blob. A page's policy must allow `img-src blob:`. */
async function withAddress<T>(blob: Blob, use: (address: string) => Promise<T>): Promise<T> {
  const address = URL.createObjectURL(blob);
  try {
    return await use(address);
  } finally {
    URL.revokeObjectURL(address);
  }
}

/** A file's picture; `address`, if it has one. Browsers make a bitmap of everything but SVG. */
async function decode(blob: Blob, name: string, address?: string): Promise<Drawable> {
  try {
    return await createImageBitmap(blob, AS_STORED);
  } catch (error) {
    if (/<svg[\s>]/i.test(await blob.slice(0, 4096).text())) {
      if (address) return imageOf(address, name);
      const drawing = new Blob([blob], { type: 'image/svg+xml' });
      return withAddress(drawing, (url) => imageOf(url, name));
    }
    throw new WebDNNError('image', `${name}: not a picture that can be read: ${reasonOf(error)}`, { cause: error });
  }
}

async function download(address: string): Promise<Blob> {
  try {
    return new Blob([await read(address, undefined)]);
  } catch (error) {
    if (error instanceof WebDNNError) error.message += hintFor(address);
    throw error;
  }
}

function fileOf(input: HTMLInputElement): File {
  const file = input.files?.[0];
  if (file) return file;
  throw new WebDNNError('image', 'no file is chosen in this file input');
}

/** What an element has loaded, as stored, too; what cannot be had so (an SVG without a size, say) is drawn as it is. */
async function loaded(image: HTMLImageElement): Promise<Drawable> {
  if (!image.complete) {
    await image.decode().catch((error: unknown) => {
      throw new WebDNNError('image', `${image.src}: not loaded: ${reasonOf(error)}`, { cause: error });
    });
  }
  return createImageBitmap(image, AS_STORED).catch(() => image);
}

/** Something to draw, for any source. */
export async function drawableOf(source: ImageSource): Promise<Drawable> {
  if (typeof source === 'string' || kindOf(source) === 'URL') {
    const address = addressOf(source);
    return decode(await download(address), address, address);
  }
  if (typeof source !== 'object' || (source as unknown) === null) {
    throw new WebDNNError('image', `got ${show(source)}: no picture and no address of one`);
  }
  if ('files' in source) return decode(fileOf(source), 'file');
  if (source instanceof Blob) return decode(source, 'file');
  return 'decode' in source ? loaded(source) : (source as Drawable);
}

/** An `img` element of the picture at `url`. */
export async function loadImageByUrl(url: string | URL): Promise<HTMLImageElement> {
  const address = addressOf(url);
  return imageOf(address, address);
}

/** An `img` element of the file that is chosen in `<input type="file">`. */
export async function loadImageFromFileInput(input: HTMLInputElement): Promise<HTMLImageElement> {
  const file = fileOf(input);
  return withAddress(file, (address) => imageOf(address, file.name));
}

/** An `img` element of the file that the user picks; to be called while a click is handled. */
export async function loadImageByDialog(): Promise<HTMLImageElement> {
  const input = Object.assign(document.createElement('input'), { type: 'file', accept: 'image/*', hidden: true });
  document.body.append(input); // some browsers forget an input that is nowhere
  try {
    await new Promise((resolve, reject) => {
      input.onchange = resolve;
      input.oncancel = () => reject(new WebDNNError('image', 'the dialog was closed without a choice'));
      input.click();
    });
    return await loadImageFromFileInput(input);
  } finally {
    input.remove();
  }
}
