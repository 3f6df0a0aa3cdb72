/** Where a Machine lives, and its further threads. */
import { type Host } from '../host.js';
import type { Seat } from './machine.js';
import type { MachineSession } from './session.js';
/** What a further thread says of a trap, which ends the run on all threads. */
export interface Failure {
    readonly failure: string;
}
/** A host of a Machine, with all threads that it can have. */
export interface TeamHost extends Host<MachineSession> {
    readonly threads: number;
    /** Lets further threads take their seats, and ends those for whom there is none. */
    join(seats: readonly Seat[]): Promise<void>;
}
export interface Placed {
    readonly host: TeamHost;
    /** Where it is, in words for people. */
    readonly thread: string;
}
/** Starts up to `threads` workers. `end` ends them, started or not. */
export declare function startTeam(file: string, make: () => Worker, threads: number): {
    readonly placed: Promise<Placed>;
    end(): void;
};
