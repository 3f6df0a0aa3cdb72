/** The options of `load`. What is not known is an error: a misspelt option must not be ignored. */

import { isObject } from './check';
import { WebDNNError, reasonOf, rejectUnknown } from './errors';
import type { BackendName } from './plan';

/** Fastest first: the order in which `load` tries the backends. */
export const DEFAULT_ORDER: readonly BackendName[] = ['webgpu', 'webgl', 'webassembly', 'fallback'];

export type TransformUrl = (url: string) => string | URL | Promise<string | URL>;

export interface LoadOptions {
  /** Backends to try, in this order. `webmetal` is an old name of `webgpu`. Empty text or null: the default. */
  readonly backendOrder?: string | readonly string[] | null;
  /** By backend name; see each backend. */
  readonly backendOptions?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Bytes of weights so far, bytes in all, and their ratio. */
  readonly progressCallback?: (loaded: number, total: number, ratio: number) => void;
  /** Where the weights are, if not in the Descriptor's directory. */
  readonly weightDirectory?: string;
  /** Gets the address of every file, gives the one to read instead, or a promise of it. */
  readonly transformUrlDelegate?: TransformUrl;
  /** Stops loading; `load` then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Address of webdnn-worker.js, if not next to the runtime; webdnn-fallback-worker.js lies beside it. */
  readonly workerUrl?: string;
  /** WebDNN 1 kept weights in the page's storage. This version leaves that to the browser's cache, as `networkOnly` and false say. */
  readonly cacheStrategy?: 'networkOnly';
  readonly saveCache?: false;
}

const isFunction = (value: unknown): boolean => typeof value === 'function';
const isText = (value: unknown): boolean => typeof value === 'string';
const isNames = (value: readonly unknown[]): boolean => value.length > 0 && value.every(isText);

const OPTIONS: Readonly<
  Record<
    Exclude<keyof LoadOptions, 'cacheStrategy' | 'saveCache'>,
    readonly [want: string, test: (value: unknown) => boolean]
  >
> = {
  backendOrder: ['a name or a list of names', (value) => isNames([value].flat())],
  backendOptions: ['an object of objects', (value) => isObject(value) && Object.values(value).every(isObject)],
  progressCallback: ['a function', isFunction],
  weightDirectory: ['text', isText],
  transformUrlDelegate: ['a function', isFunction],
  signal: ['an AbortSignal', (value) => value instanceof AbortSignal],
  workerUrl: ['text', isText],
};
/** Of some options of WebDNN 1, the one value that says what this version does. */
const OLD: Readonly<Record<string, unknown>> = { cacheStrategy: 'networkOnly', saveCache: false };
/** What pages of WebDNN 1 gave for the default. */
const isDefault = (name: string, value: unknown): boolean =>
  value === undefined || (name === 'backendOrder' && (value === null || value === ''));

/** Checks what a page has given, and leaves out what stands for the default. */
export function checkOptions(options: LoadOptions): LoadOptions {
  if (!isObject(options)) throw new WebDNNError('option', 'load: options must be an object');
  const given = Object.entries(options).filter(([name, value]) => !isDefault(name, value));
  for (const [name, value] of given) {
    if (Object.hasOwn(OLD, name)) {
      if (value === OLD[name]) continue;
      const remedy = `leave it out, or give ${JSON.stringify(OLD[name])}: the browser's cache keeps the files`;
      throw new WebDNNError('option', `load: ${name} is not supported yet; ${remedy}`);
    }
    if (!Object.hasOwn(OPTIONS, name)) rejectUnknown('option', 'option', name, Object.keys(OPTIONS));
    const [want, test] = OPTIONS[name as keyof typeof OPTIONS];
    if (!test(value)) throw new WebDNNError('option', `load: ${name} must be ${want}`);
  }
  return Object.fromEntries(given);
}

function backendName(name: string): BackendName {
  const current = name === 'webmetal' ? 'webgpu' : name;
  return DEFAULT_ORDER.find((one) => one === current) ?? rejectUnknown('option', 'backend', name, DEFAULT_ORDER);
}

/** The backends to try, each once. */
export function backendOrder({ backendOrder }: LoadOptions): BackendName[] {
  return [...new Set([backendOrder ?? DEFAULT_ORDER].flat().map(backendName))];
}

/** What backend `name` gets as its options. */
export function optionsOf(name: BackendName, { backendOptions = {}, workerUrl }: LoadOptions): Record<string, unknown> {
  const result: Record<string, unknown> = workerUrl === undefined ? {} : { workerUrl };
  for (const [key, value] of Object.entries(backendOptions))
    if (backendName(key) === name) Object.assign(result, value);
  return result;
}

/** Throws unless a backend knows all of its `options`. */
export function checkBackendOptions(
  name: BackendName,
  options: Readonly<Record<string, unknown>>,
  ...known: string[]
): void {
  for (const option of Object.keys(options)) {
    // workerUrl is an option of load, meant for whichever backend has a worker.
    if (option !== 'workerUrl' && !known.includes(option)) rejectUnknown('option', `option of ${name}`, option, known);
  }
}

/** Calls a function of the page's; what it throws is the page's fault, not a backend's. */
export function callPage<T>(name: keyof LoadOptions, call: () => T): T {
  try {
    return call();
  } catch (error) {
    return pageFault(name, error);
  }
}

function pageFault(name: keyof LoadOptions, error: unknown): never {
  throw new WebDNNError('option', `load: ${name} threw: ${reasonOf(error)}`, { cause: error });
}

/** The address that `transform` gives for `url`. */
export async function transformed(url: string, transform: TransformUrl | undefined): Promise<string> {
  if (!transform) return url;
  const name = 'transformUrlDelegate';
  const given: unknown = await Promise.resolve(callPage(name, () => transform(url))).catch((e) => pageFault(name, e));
  const address = given instanceof URL ? given.href : given;
  if (typeof address === 'string' && address.trim()) return address;
  const got = typeof address === 'string' ? 'empty text' : String(address);
  throw new WebDNNError('option', `load: ${name} gave ${got} for ${url}, want an address`);
}
