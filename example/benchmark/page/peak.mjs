// The machine's own rate: see peak.c. Every thread is a worker, also when there is only one.

async function startWorker(url) {
  const worker = new Worker('/page/peak-worker.mjs', { type: 'module' });
  await ask(worker, { url });
  return worker;
}

function ask(worker, message) {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage(message);
  });
}

/** GFLOP/s of all workers together: the best turn, from the start of the first one to the end of the last. */
async function measure(workers, seconds) {
  let best = 0;
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) {
    const turns = await Promise.all(workers.map((worker) => ask(worker, {})));
    const milliseconds = Math.max(...turns.map((turn) => turn.end)) - Math.min(...turns.map((turn) => turn.start));
    best = Math.max(best, turns.reduce((sum, turn) => sum + turn.operations, 0) / milliseconds / 1e6);
  }
  return best;
}

/** GFLOP/s of each module that this engine can compile: {variant: [of one thread, of two at once]}. */
export async function measurePeaks(urls, seconds) {
  const peaks = {};
  for (const [variant, url] of Object.entries(urls)) {
    if (!WebAssembly.validate(await (await fetch(url)).arrayBuffer())) continue;
    const workers = [await startWorker(url), await startWorker(url)];
    peaks[variant] = [await measure(workers.slice(0, 1), seconds), await measure(workers, seconds)];
    for (const worker of workers) worker.terminate();
  }
  return peaks;
}
