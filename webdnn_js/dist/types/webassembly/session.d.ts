/** What a worker, or the main thread in its place, does for the webassembly backend. */
import type { Schedule, TypedArray } from '../backend.js';
import { type LoadJob } from './loader.js';
import { type Model, type Places, type Results, type Seat, type Team } from './machine.js';
export interface Started {
    readonly seats: readonly Seat[];
    readonly memory: WebAssembly.Memory | undefined;
}
/** The calls, as the worker answers them. */
export declare class Session {
    private readonly report;
    private readonly signal?;
    private machine;
    private seat;
    /** `report` is told of every shard that this thread has read. */
    constructor(report: (shard: number) => void, signal?: AbortSignal | undefined);
    /** Returns what the other threads need to `join`, and the memory if it is shared. */
    start(code: ArrayBuffer, model: Model, team: Team): Promise<Started>;
    /** Makes this worker a further thread of a machine that lives in another. */
    join(seat: Seat): Promise<void>;
    /** Reads weights as long as there are any that no other thread has taken. */
    load(job: LoadJob): Promise<void>;
    bind(schedule: Schedule): Places;
    run(inputs?: readonly TypedArray[]): Results | undefined;
    profile(inputs: readonly TypedArray[]): Results & {
        milliseconds: number[];
    };
    /** Does this thread's share of every run, until there will be no more. `fail` is told of every trap. */
    serve(fail: (reason: string) => void): void;
}
export type Method = 'start' | 'join' | 'load' | 'bind' | 'run' | 'profile';
export type Answer<M extends Method> = Awaited<ReturnType<Session[M]>>;
/** A call by name. */
export declare function answer(session: Session, method: Method, args: readonly unknown[]): Promise<unknown>;
