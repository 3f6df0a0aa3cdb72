/** Waiting for the device without stopping the page: WebGL tells nothing by itself, it has to be asked. */
/** Resolves in a task of its own. A timer is late by at least 4 ms once timers have started each other for a while; a message is not. */
export declare function nextTask(): Promise<void>;
/** Resolves when `done` says so; it is asked in each task of the page at first, then by a timer. */
export declare function poll(done: () => boolean): Promise<void>;
