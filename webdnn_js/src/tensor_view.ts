/** An input or output of a runner: a window on its values that stays the same object when sizes change. */

import type { TypedArray } from './backend';
import { WebDNNError } from './errors';
import { formatExpr } from './expr';
import { formatShape, product } from './shape';
import type { DType, Expr, TensorInfo } from './plan';

const ARRAYS = { float32: Float32Array, int32: Int32Array } as const;

/** What of `values` is no list of numbers; JavaScript would make NaN of most, or throw an error of its own. */
function problemOf(values: unknown): string | undefined {
  const list = values as ArrayLike<unknown>;
  if (typeof values !== 'object' || !Number.isSafeInteger(list?.length)) {
    return typeof values === 'string' ? 'text' : `${String(values)}`;
  }
  const some = ArrayBuffer.isView(values) ? Math.min(list.length, 1) : list.length; // of a typed array one tells it
  for (let i = 0; i < some; i++) {
    if (typeof list[i] !== 'number') return `${typeof list[i]} at ${i}`;
  }
  return undefined;
}

/** For values of the wrong number where an input may be one picture: most often it was not resized. */
function pictureHint([count, ...sizes]: readonly number[]): string {
  const isPixel = (channels: number | undefined): boolean => [1, 3, 4].includes(channels ?? 0);
  if (count !== 1 || sizes.length !== 3) return '';
  const [a, b, c] = sizes;
  if (isPixel(c)) return `; a picture gets this size by getImageArray(picture, {dstW: ${b}, dstH: ${a}})`;
  if (!isPixel(a)) return '';
  return `; a picture gets this size by getImageArray(picture, {dstW: ${c}, dstH: ${b}, order: WebDNN.Image.Order.CHW})`;
}

export class TensorView {
  readonly name: string;
  readonly dtype: DType;
  /** As the model declares it: a placeholder stands as its name. */
  readonly declaredShape: readonly Expr[];
  #bound: { readonly shape: readonly number[]; readonly array: TypedArray } | undefined;

  constructor({ name, dtype, shape }: TensorInfo) {
    this.name = name;
    this.dtype = dtype;
    this.declaredShape = shape;
  }

  /** @internal Makes the array, filled with zeros. */
  bind(shape: readonly number[]): void {
    this.#bound = { shape, array: new ARRAYS[this.dtype](product(shape)) };
  }

  get #actual() {
    if (this.#bound) return this.#bound;
    const shape = formatShape(this.declaredShape.map(formatExpr));
    throw new WebDNNError('placeholder', `'${this.name}' has no size yet (${shape}): call setPlaceholderValue first`);
  }

  get shape(): readonly number[] {
    return this.#actual.shape;
  }

  get length(): number {
    return this.#actual.array.length;
  }

  /** The values themselves, not a copy: an input is read from here, an output is written here, at every run. */
  toActual(): TypedArray {
    return this.#actual.array;
  }

  /** Copies `values` in: all of them, or, with an `offset`, some from there on. Another view may be given, too. */
  set(values: ArrayLike<number> | TensorView, offset?: number): void {
    const { array, shape } = this.#actual;
    const source = values instanceof TensorView ? values.toActual() : values;
    const problem = problemOf(source);
    if (problem) throw new WebDNNError('input', `'${this.name}': got ${problem}, want numbers`);
    const { length } = source;
    const start = offset ?? 0;
    const fits =
      offset === undefined
        ? length === array.length
        : Number.isInteger(start) && start >= 0 && start + length <= array.length;
    if (!fits) {
      const got = `${length} values${offset === undefined ? '' : ` at ${offset}`}`;
      throw new WebDNNError(
        'input',
        `'${this.name}': got ${got}, want ${array.length} (${formatShape(shape)})${pictureHint(shape)}`,
      );
    }
    array.set(source, start);
  }

  forEach(visit: (value: number, index: number) => void): void {
    this.toActual().forEach((value, index) => visit(value, index));
  }

  [Symbol.iterator](): IterableIterator<number> {
    return this.toActual()[Symbol.iterator]();
  }
}
