/** Plan → Schedule: one set of placeholder values, loops expanded, every expression evaluated, every view checked. */
import type { BoundSetup, DeviceSymbols, Schedule } from './backend.js';
import { type Symbols } from './expr.js';
import { type Values } from './placeholders.js';
import type { Expr, Manifest, Plan } from './plan.js';
export declare const bindShape: (shape: readonly Expr[], symbols: Symbols) => number[];
/** `values` must name every placeholder. `mode` is the backend's `memory`; `device` are the values of its symbols. */
export declare function bindPlan(manifest: Manifest, plan: Plan, values: Values, mode: 'arena' | 'slots', device?: DeviceSymbols): Schedule;
/** The state buffers whose size is the same by both sets of values, because no placeholder that occurs in it has changed. */
export declare const unchangedStates: ({ buffers }: Plan, before: Values, after: Values) => number[];
/** The Setup steps, evaluated and checked: they never depend on placeholders. */
export declare function bindSetup(plan: Plan): BoundSetup[];
