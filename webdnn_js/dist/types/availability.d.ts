/** WebDNN 1's quick question: which backends has this browser? Whether one really starts, only `load` finds out. */
import type { BackendName } from './plan.js';
export interface BackendAvailability {
    readonly status: Readonly<Record<BackendName, boolean>>;
    /** The available ones, in the order in which `load` tries them. */
    readonly defaultOrder: readonly BackendName[];
}
export declare function getBackendAvailability(): BackendAvailability;
