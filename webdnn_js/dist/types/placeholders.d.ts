/** The values that a page gives to the placeholders of a model. */
import type { Manifest } from './plan.js';
/** By placeholder. */
export type Values = Readonly<Record<string, number>>;
export declare const formatValues: (values: Values) => string;
/** Throws unless `value` is one that placeholder `name` may take. */
export declare function checkPlaceholder(manifest: Manifest, name: string, value: unknown): void;
export declare const unsetPlaceholders: (manifest: Manifest, values: Values) => string[];
/** Checks bounds and constraints; every placeholder must have its value. */
export declare function resolvePlaceholders(manifest: Manifest, values: Values): Map<string, number>;
