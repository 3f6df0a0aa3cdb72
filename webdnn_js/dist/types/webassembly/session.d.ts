/** What a worker, or the main thread in its place, does for the webassembly backend. */
import type { Schedule, TypedArray } from '../backend.js';
import type { Plan, Weight } from '../plan.js';
/** The calls, as the worker answers them. */
export declare class Session {
    private machine;
    start(code: ArrayBuffer, plan: Plan, weights: readonly Weight[]): Promise<void>;
    writeWeight(weight: number, row: number, rows: number, data: TypedArray): void;
    bind(schedule: Schedule): void;
    run(inputs: readonly TypedArray[]): Float32Array[];
    profile(inputs: readonly TypedArray[]): {
        outputs: Float32Array[];
        milliseconds: number[];
    };
}
export type Method = 'start' | 'writeWeight' | 'bind' | 'run' | 'profile';
export type Answer<M extends Method> = Awaited<ReturnType<Session[M]>>;
/** A call by name. */
export declare function answer(session: Session, method: Method, args: readonly unknown[]): Promise<unknown>;
