/** Waiting for the device without stopping the page: WebGL tells nothing by itself, it has to be asked. */

/** For so long, the device is asked again and again. Then a timer takes over: its delay matters less than the time of the page's thread. */
const BRISK_MILLISECONDS = 100;

let channel: MessageChannel | undefined;
const waiting: (() => void)[] = [];

/** Resolves in a task of its own. A timer is late by at least 4 ms once timers have started each other for a while; a message is not. */
export function nextTask(): Promise<void> {
  if (!channel) {
    channel = new MessageChannel();
    channel.port1.onmessage = () => waiting.shift()?.();
  }
  const { port2 } = channel;
  return new Promise((resolve) => {
    waiting.push(resolve);
    port2.postMessage(null);
  });
}

const timer = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

/** Resolves when `done` says so; it is asked in each task of the page at first, then by a timer. */
export async function poll(done: () => boolean): Promise<void> {
  const start = performance.now();
  while (!done()) await (performance.now() - start < BRISK_MILLISECONDS ? nextTask() : timer());
}
