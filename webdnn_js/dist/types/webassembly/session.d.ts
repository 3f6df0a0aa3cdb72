/** What a worker, or the main thread in its place, does for the webassembly backend. */
import type { Schedule, TypedArray, WeightRows } from '../backend.js';
import type { Content } from '../fetch.js';
import { type Model, type Results, type Seat, type Team } from './machine.js';
/** The calls, as the worker answers them. */
export declare class Session {
    private module;
    private machine;
    private seat;
    compile(code: Content): Promise<void>;
    /** Returns what the other threads need to `join`. */
    start(model: Model, team: Team): Promise<readonly Seat[]>;
    writeWeights(memory: ArrayBuffer, pieces: readonly WeightRows[]): ArrayBuffer;
    bind(schedule: Schedule): void;
    run(inputs: readonly TypedArray[]): Results;
    profile(inputs: readonly TypedArray[]): Results & {
        milliseconds: number[];
    };
    /** Makes this worker a further thread of a machine that lives in another. */
    join({ module, memory, stack, thread, threads }: Seat): Promise<void>;
    /** Does this thread's share of every run, until there will be no more. `fail` is told of every trap. */
    serve(fail: (reason: string) => void): void;
}
export type Method = 'compile' | 'start' | 'writeWeights' | 'bind' | 'run' | 'profile' | 'join';
export type Answer<M extends Method> = Awaited<ReturnType<Session[M]>>;
/** A call by name. */
export declare function answer(session: Session, method: Method, args: readonly unknown[]): Promise<unknown>;
