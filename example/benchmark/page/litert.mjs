// LiteRT.js on WebAssembly (XNNPACK).
import { loadAndCompile, loadLiteRt, Tensor } from '@litertjs/core';

export async function load({ file, shape, threads, loader }) {
  const liteRt = await loadLiteRt(`/litert/wasm/${loader ?? ''}`, { threads: threads > 1 });
  const model = await loadAndCompile(file, { accelerator: 'wasm', cpuOptions: { numThreads: threads } });
  return {
    info: { threads, available: liteRt.liteRtWasm.getThreadCount() },
    async run(input) {
      const tensor = new Tensor(input, shape);
      const [output] = await model.run(tensor);
      const data = await output.data();
      tensor.delete();
      output.delete();
      return data;
    },
    dispose: () => model.delete(),
  };
}
