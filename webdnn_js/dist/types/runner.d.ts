/** A loaded model, on one backend. */
import type { StepTime } from './backend.js';
import { type Values } from './placeholders.js';
import { TensorView } from './tensor_view.js';
import type { BackendName } from './plan.js';
export interface FallThrough {
    readonly backend: string;
    readonly reason: string;
}
export declare class Runner {
    #private;
    readonly backendName: BackendName;
    /** Reused at every run: set their values before, read them after. */
    readonly inputs: readonly TensorView[];
    readonly outputs: readonly TensorView[];
    /** What was chosen, and why: the model, the backends that could not start, what the backend says about itself. */
    readonly info: Readonly<Record<string, unknown>>;
    getInput(name: string): TensorView;
    getOutput(name: string): TensorView;
    /** As in WebDNN 1. */
    getInputViews(): readonly TensorView[];
    /** As in WebDNN 1. */
    getOutputViews(): readonly TensorView[];
    /** Computes `outputs` from `inputs`. */
    run(): Promise<void>;
    /**
     * What the model keeps from run to run becomes what it was when the model was loaded; without effect on a model that keeps nothing.
     * It does so by itself after a run that failed, and for states whose size `setPlaceholderValue` changes.
     */
    resetStates(): Promise<void>;
    /** Like `run`; tells how long each step took. */
    profile(): Promise<StepTime[]>;
    /**
     * Sets some placeholders; once all are set, checks the model's constraints and sizes the inputs, outputs and states. Those whose size
     * changes become zero; states then are as after `resetStates`, and other states keep what they hold. If a value is refused, or is the
     * present one, nothing changes.
     */
    setPlaceholderValue(values: Values): Promise<void>;
    /** Gives all memory and workers back at once. A call that is pending rejects. */
    dispose(): void;
}
