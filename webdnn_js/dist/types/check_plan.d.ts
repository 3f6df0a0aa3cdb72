/** Is this untrusted value a Plan that goes with `manifest`? What depends on placeholders, schedule.ts checks later. */
import type { BackendName, Files, Manifest, Plan } from './plan.js';
/** The files that a plan names, as long as nothing else of it has been checked. */
export declare function checkFiles(value: unknown): Files;
export declare function checkPlan(value: unknown, manifest: Manifest, backend: BackendName): Plan;
