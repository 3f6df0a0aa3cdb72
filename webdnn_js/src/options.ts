/** The options of `load`. What is not known is an error: a misspelt option must not be ignored. */

import { DEFAULT_ORDER } from './backends';
import { isObject } from './check';
import { WebDNNError, reasonOf, rejectUnknown } from './errors';
import type { BackendName } from './plan';

export interface LoadOptions {
  /** Backends to try, in this order. `webmetal` is an old name of `webgpu`. */
  readonly backendOrder?: string | readonly string[];
  /** By backend name; see each backend. */
  readonly backendOptions?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Bytes of weights so far, bytes in all, and their ratio. */
  readonly progressCallback?: (loaded: number, total: number, ratio: number) => void;
  /** Where the weights are, if not in the Descriptor's directory. */
  readonly weightDirectory?: string;
  /** Gets the address of every file, gives the one to read instead. */
  readonly transformUrlDelegate?: (url: string) => string;
  /** Stops loading; `load` then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Address of webdnn-worker.js, if not next to the runtime. */
  readonly workerUrl?: string;
}

const isFunction = (value: unknown): boolean => typeof value === 'function';
const isText = (value: unknown): boolean => typeof value === 'string';
const isNames = (value: readonly unknown[]): boolean => value.length > 0 && value.every(isText);

const OPTIONS: Readonly<Record<keyof LoadOptions, readonly [want: string, test: (value: unknown) => boolean]>> = {
  backendOrder: ['a name or a list of names', (value) => isNames([value].flat())],
  backendOptions: ['an object of objects', (value) => isObject(value) && Object.values(value).every(isObject)],
  progressCallback: ['a function', isFunction],
  weightDirectory: ['text', isText],
  transformUrlDelegate: ['a function', isFunction],
  signal: ['an AbortSignal', (value) => value instanceof AbortSignal],
  workerUrl: ['text', isText],
};
const LATER = ['cacheStrategy', 'saveCache'];

/** Checks what a page has given; an option that is undefined counts as not given. */
export function checkOptions(options: LoadOptions): void {
  if (!isObject(options)) throw new WebDNNError('option', 'load: options must be an object');
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (LATER.includes(name)) throw new WebDNNError('option', `load: ${name} is not supported yet`);
    if (!Object.hasOwn(OPTIONS, name)) rejectUnknown('option', 'option', name, Object.keys(OPTIONS));
    const [want, test] = OPTIONS[name as keyof LoadOptions];
    if (!test(value)) throw new WebDNNError('option', `load: ${name} must be ${want}`);
  }
}

function backendName(name: string): BackendName {
  const current = name === 'webmetal' ? 'webgpu' : name;
  return DEFAULT_ORDER.find((one) => one === current) ?? rejectUnknown('option', 'backend', name, DEFAULT_ORDER);
}

/** The backends to try, each once. */
export function backendOrder({ backendOrder = DEFAULT_ORDER }: LoadOptions): BackendName[] {
  return [...new Set([backendOrder].flat().map(backendName))];
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
    throw new WebDNNError('option', `load: ${name} threw: ${reasonOf(error)}`, { cause: error });
  }
}
