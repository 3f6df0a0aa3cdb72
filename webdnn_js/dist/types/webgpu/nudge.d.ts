/**
 * Makes a browser notice finished work. Chromium's GPU process looks for it every 2 ms only, Firefox's more seldom, unless something is
 * submitted: then they look at once. So while a result is waited for, nothing is submitted, again and again.
 *
 * By messages, since timers come every 4 ms at best. A message is a task of its own: whatever else the page has to do takes its turn in between.
 * While messages go round they keep the page's thread busy, so that they end when a wait has become long enough for 2 ms not to matter.
 */
export declare class Nudge {
    private readonly queue;
    private readonly channel;
    /** Milliseconds of the last wait: where that was long, the next one will be. */
    private last;
    constructor(queue: Pick<GPUQueue, 'submit'>);
    /** Waits for `work`, one at a time. */
    until<T>(work: Promise<T>): Promise<T>;
    /** The next wait will be of another kind. */
    forget(): void;
    close(): void;
    private begin;
}
