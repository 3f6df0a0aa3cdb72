// The machine's own rate: see peak.c.

async function measure(url, seconds) {
  const memory = new WebAssembly.Memory({ initial: 32 });
  const code = await (await fetch(url)).arrayBuffer();
  const { instance } = await WebAssembly.instantiate(code, { env: { memory } });
  const { peak, accumulators } = instance.exports;
  const flops = 2 * 4 * accumulators();
  // A few milliseconds a call: the engine replaces its first, slow code between calls.
  const rounds = 2_000_000;
  let best = Infinity;
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) {
    const start = performance.now();
    peak(rounds, 0.999, 1e-3);
    best = Math.min(best, performance.now() - start);
    await new Promise((resume) => setTimeout(resume));
  }
  return (rounds * flops) / best / 1e6;
}

/** GFLOP/s of each module that this engine can compile. */
export async function measurePeaks(urls, seconds) {
  const peaks = {};
  for (const [variant, url] of Object.entries(urls)) {
    try {
      peaks[variant] = await measure(url, seconds);
    } catch (error) {
      if (!(error instanceof WebAssembly.CompileError)) throw error;
    }
  }
  return peaks;
}
