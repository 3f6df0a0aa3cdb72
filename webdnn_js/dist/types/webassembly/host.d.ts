/** Where a Machine lives: in a worker if one starts, else here. Both answer the same calls. */
import type { Schedule, TypedArray } from '../backend.js';
import { type ErrorCode } from '../errors.js';
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
type Answer<M extends Method> = Awaited<ReturnType<Session[M]>>;
/** A call by name. */
export declare function answer(session: Session, method: Method, args: readonly unknown[]): Promise<unknown>;
export interface Request {
    readonly method: Method;
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
/** The worker's first message. */
export interface Ready {
    readonly ready: string;
}
export interface Host {
    /** One call at a time. `transfer`: buffers that the caller gives away. */
    call<M extends Method>(method: M, args: Parameters<Session[M]>, transfer?: ArrayBuffer[]): Promise<Answer<M>>;
    dispose(): void;
}
export declare class LocalHost implements Host {
    private session;
    call<M extends Method>(method: M, args: Parameters<Session[M]>): Promise<Answer<M>>;
    dispose(): void;
}
/** A host, and where it is, in words for people. */
export declare function startHost(url: string): Promise<{
    host: Host;
    thread: string;
}>;
export {};
