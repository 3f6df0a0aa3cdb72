// One thread of peak.mjs: gets the module's address, then does one turn for each message.

// About 10 ms: the engine replaces its first, slow code between calls.
const ROUNDS = 8_000_000;
let exports;

const now = () => performance.timeOrigin + performance.now(); // the same clock in every worker

self.onmessage = async ({ data }) => {
  if (data.url) {
    const memory = new WebAssembly.Memory({ initial: 32 });
    const code = await (await fetch(data.url)).arrayBuffer();
    ({ exports } = (await WebAssembly.instantiate(code, { env: { memory } })).instance);
    self.postMessage('ready');
    return;
  }
  const start = now();
  exports.peak(ROUNDS, 0.999, 1e-3);
  self.postMessage({ start, end: now(), operations: ROUNDS * 2 * 4 * exports.accumulators() });
};
