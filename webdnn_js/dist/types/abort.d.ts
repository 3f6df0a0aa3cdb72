/** Waiting that ends when the page has had enough. */
/**
 * What `work` gives; or, as soon as `signal` aborts, a rejection with its reason. What `work` gives after that, if ever, goes
 * to `discard`.
 */
export declare function unlessAborted<T>(signal: AbortSignal | undefined, work: Promise<T>, discard?: (late: T) => void): Promise<T>;
