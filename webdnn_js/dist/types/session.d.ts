/** The worker's half of a backend that runs in one: what it answers, and how. */
import type { Schedule, Cells, WeightRows } from './backend.js';
import { type ErrorCode } from './errors.js';
import { type Port } from './node_threads.js';
/** Results of a run; `inputs` are given back, for the next. */
export interface Results {
    readonly inputs: readonly Cells[];
    readonly outputs: readonly Cells[];
}
export interface Times extends Results {
    /** One entry per bound step. */
    readonly milliseconds: readonly number[];
}
/** The calls that every such backend answers, once its own have made the model. What an Executor does, but for the page's arrays. */
export interface Session {
    writeWeights(memory: ArrayBuffer, pieces: readonly WeightRows[]): ArrayBuffer;
    bind(schedule: Schedule, kept: readonly number[]): void;
    resetStates(): void;
    run(inputs: readonly Cells[]): Results | Promise<Results>;
    profile(inputs: readonly Cells[]): Times | Promise<Times>;
    /** Ends, where there is no worker to be ended, a run that is on its way. */
    end?(): void;
}
/** The names of a session's calls, and what one takes and gives. */
export type Method<S> = Extract<keyof S, string>;
export type Args<S, M extends keyof S> = S[M] extends (...args: infer A) => unknown ? A : never;
export type Answer<S, M extends keyof S> = S[M] extends (...args: never[]) => infer R ? Awaited<R> : never;
export interface Request {
    readonly method: string;
    readonly args: readonly unknown[];
}
export type Response = {
    readonly result: unknown;
} | {
    readonly error: {
        code: ErrorCode;
        message: string;
    };
};
/** A worker's first message. */
export interface Ready {
    readonly ready: string;
}
/** A call by name. */
export declare function answer<S, M extends Method<S>>(session: S, method: M, args: Args<S, M>): Promise<Answer<S, M>>;
/** Answers the page's calls, one at a time, and says that it does. `done` is told of each call that was answered. */
export declare function serve(session: Session, done?: (method: string, port: Port) => void): void;
