/** Waiting that ends when the page has had enough. */

/**
 * What `work` gives; or, as soon as `signal` aborts, a rejection with its reason. What `work` gives after that, if ever, goes
 * to `discard`.
 */
export function unlessAborted<T>(
  signal: AbortSignal | undefined,
  work: Promise<T>,
  discard?: (late: T) => void,
): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      work.then(discard, () => undefined);
      reject(signal.reason as Error);
    };
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
