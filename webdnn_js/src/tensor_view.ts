/** An input or output of a runner: a window on its values that stays the same object when sizes change. */

import { ARRAYS, truth, type TypedArray } from './dtypes';
import { WebDNNError } from './errors';
import { formatExpr } from './expr';
import { formatShape, product } from './shape';
import type { DType, Expr, TensorInfo } from './plan';

const INDEX = /^(0|[1-9]\d*)$/;

const isInteger = (dtype: DType): boolean => /int/.test(dtype);

/**
 * What of `values` is no list of elements of `dtype`. JavaScript would make NaN of most that are no numbers, or throw an error of its own,
 * and cut numbers that an integer cannot hold.
 */
function problemOf(values: unknown, dtype: DType): string | undefined {
  const list = values as ArrayLike<unknown>;
  if (typeof values !== 'object' || !Number.isSafeInteger(list?.length)) {
    return typeof values === 'string' ? 'text' : String(values);
  }
  const one = new ARRAYS[dtype](1);
  if (list instanceof one.constructor) return undefined;
  for (let i = 0; i < list.length; i++) {
    const value = list[i];
    if (typeof value !== 'number' && (dtype !== 'bool' || typeof value !== 'boolean')) return `${typeof value} at ${i}`;
    one[0] = Number(value);
    if (isInteger(dtype) && one[0] !== value) return `${value} at ${i}`;
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

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value) || ArrayBuffer.isView(value);

/** Lists of lists become one list. */
const flatten = (values: unknown): unknown =>
  Array.isArray(values) && values.some(isList)
    ? values.flatMap((value: unknown) => (isList(value) ? [...(flatten(value) as readonly unknown[])] : [value]))
    : values;

/** What a view has of its typed array besides its own members: `view[i]`, `fill`, `indexOf`, `map` … TypeScript is told of a Float32Array's. */
type Elements = Omit<Float32Array, 'length' | 'set' | 'buffer' | typeof Symbol.toStringTag>;

/** Hands everything to the array that `toActual` gives. */
const Elements = class {} as new () => Elements;

export class TensorView extends Elements {
  readonly name: string;
  readonly dtype: DType;
  /** As the model declares it: a placeholder stands as its name. */
  readonly declaredShape: readonly Expr[];
  readonly #side: 'input' | 'output';
  #bound: { readonly shape: readonly number[]; readonly array: TypedArray } | undefined;

  /** @internal */
  constructor({ name, dtype, shape }: TensorInfo, side: 'input' | 'output') {
    super();
    this.name = name;
    this.dtype = dtype;
    this.declaredShape = shape;
    this.#side = side;
  }

  /**
   * @internal Gives the view its size. The array stays if its length does; else there is a new one, all zero, and an input's old one is
   * detached: what a page would still write into it could never be read.
   */
  bind(shape: readonly number[]): void {
    const old = this.#bound?.array;
    const length = product(shape);
    const array = old?.length === length ? old : new ARRAYS[this.dtype](length);
    this.#bound = { shape, array };
    if (old?.length && old !== array && this.#side === 'input') structuredClone(old.buffer, { transfer: [old.buffer] });
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
    return product(this.shape);
  }

  get buffer(): ArrayBuffer {
    return this.toActual().buffer as ArrayBuffer;
  }

  /** The values themselves, not a copy: an input is read from here, an output is written here, at every run. */
  toActual(): TypedArray {
    const { array } = this.#actual;
    if (array.length) return array;
    const remedy = 'send copies (toActual().slice()) to workers';
    throw new WebDNNError('input', `'${this.name}': its array was transferred away; ${remedy}, and load again`);
  }

  /**
   * Copies `values` in: all of them, or, with an `offset`, some from there on. Another view may be given, too, and lists of
   * lists, row after row. A number that an integer cannot hold as it is, such as 0.5, is refused. All but 0 and false is true.
   */
  set(values: ArrayLike<number | boolean> | readonly unknown[] | TensorView, offset?: number): void {
    const { shape } = this.#actual;
    const array = this.toActual();
    const source = (values instanceof TensorView ? values.toActual() : flatten(values)) as ArrayLike<number>;
    const { dtype } = this;
    const problem = problemOf(source, dtype);
    if (problem) {
      const want = isInteger(dtype) ? `whole numbers of ${dtype}` : 'numbers';
      throw new WebDNNError('input', `'${this.name}': got ${problem}, want ${want}`);
    }
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
    array.set(dtype === 'bool' ? Array.from(source, truth) : source, start);
  }
}

/** A member of typed arrays, as one of views. A method that gives its array back gives the view back. */
function borrowed(key: string | symbol, descriptor: PropertyDescriptor): PropertyDescriptor {
  const member = (view: TensorView): unknown => Reflect.get(view.toActual(), key);
  if (descriptor.get) {
    return {
      get(this: TensorView) {
        return member(this);
      },
    };
  }
  return {
    value(this: TensorView, ...args: unknown[]): unknown {
      const array = this.toActual();
      const result = (member(this) as (...args: unknown[]) => unknown).apply(array, args);
      return result === array ? this : result;
    },
  };
}

function borrowMembers(target: object): void {
  const source = Object.getPrototypeOf(Float32Array.prototype) as object;
  for (const [key, member] of Object.entries(Object.getOwnPropertyDescriptors(source))) {
    if (key !== 'constructor') Object.defineProperty(target, key, borrowed(key, member));
  }
  Object.defineProperty(target, Symbol.iterator, borrowed(Symbol.iterator, {}));
  Object.defineProperty(target, 'BYTES_PER_ELEMENT', {
    get(this: TensorView) {
      return ARRAYS[this.dtype].BYTES_PER_ELEMENT;
    },
  });
}

/** `view[i]`: JavaScript looks for it here, at the end of the chain of prototypes, since no object before it has such a member. */
const indexed = new Proxy(Object.create(Object.prototype) as object, {
  get(target, key, view: TensorView): unknown {
    if (typeof key === 'string' && INDEX.test(key)) return view.toActual()[Number(key)];
    return Reflect.get(target, key, view);
  },
  has: (target, key) => (typeof key === 'string' && INDEX.test(key)) || Reflect.has(target, key),
  set(target, key, value: number, view: TensorView) {
    if (typeof key !== 'string' || !INDEX.test(key)) return Reflect.set(target, key, value, view);
    view.toActual()[Number(key)] = value;
    return true;
  },
});

borrowMembers(Elements.prototype as object);
Object.setPrototypeOf(Elements.prototype as object, indexed);
