/**
 * Small checks from which check_manifest.ts and check_plan.ts are put together. A check returns nothing, or throws a
 * WebDNNError that names the place: `plan.steps[3].in[0].pitch: expected …, got …`.
 */
export type Check = (value: unknown, path: string) => void;
/** The largest number that kernels can be given: parameters are `i32`. */
export declare const INT32_MAX: number;
/** The format that docs/descriptor.md describes. */
export declare const FORMAT_VERSION = 3;
/** 16 MiB; any other file may have sixteen times as much. */
export declare const LARGEST_SHARD: number;
/** Never prints a whole object: it may be deep, cyclic or long. */
export declare function show(value: unknown): string;
export declare function reject(path: string, expected: string, got: unknown): never;
export declare const isObject: (value: unknown) => value is Record<string, unknown>;
export declare const integer: (minimum: number, maximum: number, what?: string) => Check;
/** The number of one of `count` things. */
export declare const index: (count: number, things: string) => Check;
export declare const text: Check;
export declare const matching: (pattern: RegExp, what: string) => Check;
export declare const oneOf: (...choices: readonly unknown[]) => Check;
export declare const list: (item: Check, longest?: number) => Check;
/** An object with these fields; others are ignored. */
export declare const fields: (table: Readonly<Record<string, Check>>) => Check;
/** An object whose keys are free (within `key`) and whose values are alike. */
export declare const dictionary: (key: Check, item: Check) => Check;
export declare const optional: (check: Check) => Check;
/** Data of the backend's own: anything, but not deep enough to overflow a stack. */
export declare const data: (depth: number) => Check;
export declare const expr: (symbols: ReadonlySet<string>, depth?: number) => Check;
export declare const dtype: Check;
export declare const storage: Check;
export declare const file: (largest: number) => Check;
/** Any file but a shard. */
export declare const anyFile: Check;
export declare const version: Check;
