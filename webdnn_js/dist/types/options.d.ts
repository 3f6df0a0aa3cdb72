/** The options of `load`. What is not known is an error: a misspelt option must not be ignored. */
import type { BackendName } from './plan.js';
/** Fastest first: the order in which `load` tries the backends. */
export declare const DEFAULT_ORDER: readonly BackendName[];
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
/** Checks what a page has given, and leaves out what stands for the default. */
export declare function checkOptions(options: LoadOptions): LoadOptions;
/** The backends to try, each once. */
export declare function backendOrder({ backendOrder }: LoadOptions): BackendName[];
/** What backend `name` gets as its options. */
export declare function optionsOf(name: BackendName, { backendOptions, workerUrl }: LoadOptions): Record<string, unknown>;
/** Throws unless a backend knows all of its `options`. */
export declare function checkBackendOptions(name: BackendName, options: Readonly<Record<string, unknown>>, ...known: string[]): void;
/** Calls a function of the page's; what it throws is the page's fault, not a backend's. */
export declare function callPage<T>(name: keyof LoadOptions, call: () => T): T;
/** The address that `transform` gives for `url`. */
export declare function transformed(url: string, transform: TransformUrl | undefined): Promise<string>;
