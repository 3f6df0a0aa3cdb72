/**
 * Makes a browser notice finished work. Chromium's GPU process looks for it every 2 ms only, Firefox's more seldom, unless something is
 * submitted: then they look at once. So while a result is waited for, nothing is submitted, again and again.
 *
 * By messages, since timers come every 4 ms at best. A message is a task of its own: whatever else the page has to do takes its turn in between.
 * While messages go round they keep the page's thread busy, so that they end when a wait has become long enough for 2 ms not to matter.
 */

/** Milliseconds between two submits; without a pause they would hold up the work they wait for. */
const PAUSE = 0.1;
/** Milliseconds of a wait in which messages go round; then a timer takes over. */
const LONGEST = 8;

export class Nudge {
  private readonly channel = new MessageChannel();
  /** Milliseconds of the last wait: where that was long, the next one will be. */
  private last = 0;

  constructor(private readonly queue: Pick<GPUQueue, 'submit'>) {}

  /** Waits for `work`, one at a time. */
  async until<T>(work: Promise<T>): Promise<T> {
    const start = performance.now();
    const stop = this.begin(start);
    try {
      return await work;
    } finally {
      stop();
      this.last = performance.now() - start;
    }
  }

  /** The next wait will be of another kind. */
  forget(): void {
    this.last = 0;
  }

  close(): void {
    this.channel.port1.close();
  }

  private begin(start: number): () => void {
    const { port1, port2 } = this.channel;
    const submit = (): void => this.queue.submit([]);
    let timer: ReturnType<typeof setInterval> | undefined;
    let next = start;
    port1.onmessage = ({ data }) => {
      if (data !== start) return; // of the wait before this one
      const now = performance.now();
      if (now >= next) {
        submit();
        next = now + PAUSE;
      }
      turn(now);
    };
    const turn = (now: number): void => {
      if (now - start < LONGEST && this.last < LONGEST) port2.postMessage(start);
      else timer = setInterval(submit, 1);
    };
    turn(start);
    return () => {
      port1.onmessage = null;
      clearInterval(timer);
    };
  }
}
