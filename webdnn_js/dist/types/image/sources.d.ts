/** Pictures from addresses, files and dialogs. */
import { type Drawable } from './canvas.js';
/** A string or URL is an address; a file input stands for its first file. */
export type ImageSource = string | URL | Drawable | Blob | HTMLInputElement;
/** Something to draw, for any source. */
export declare function drawableOf(source: ImageSource): Promise<Drawable>;
/** An `img` element of the picture at `url`. */
export declare function loadImageByUrl(url: string | URL): Promise<HTMLImageElement>;
/** An `img` element of the file that is chosen in `<input type="file">`. */
export declare function loadImageFromFileInput(input: HTMLInputElement): Promise<HTMLImageElement>;
/** An `img` element of the file that the user picks; to be called while a click is handled. */
export declare function loadImageByDialog(): Promise<HTMLImageElement>;
