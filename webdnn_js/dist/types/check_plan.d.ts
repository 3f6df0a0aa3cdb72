/** Is this untrusted value a Plan that goes with `manifest`? What depends on placeholders, schedule.ts checks later. */
import type { BackendName, Manifest, Plan } from './plan.js';
export declare function checkPlan(value: unknown, manifest: Manifest, backend: BackendName): Plan;
