/** The values that a page gives to the placeholders of a model. */
import type { Manifest } from './plan.js';
/** Throws unless `value` is one that placeholder `name` may take. */
export declare function checkPlaceholder(manifest: Manifest, name: string, value: unknown): void;
export declare const unsetPlaceholders: (manifest: Manifest, values: Readonly<Record<string, number>>) => string[];
/** Checks bounds and constraints; every placeholder must have its value. */
export declare function resolvePlaceholders(manifest: Manifest, values: Readonly<Record<string, number>>): Map<string, number>;
