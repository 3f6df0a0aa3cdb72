// LiteRT.js, on WebAssembly (XNNPACK) or on WebGPU.
import { loadAndCompile, loadLiteRt, Tensor } from '@litertjs/core';

export async function load({ file, shape, threads, loader, accelerator = 'wasm' }) {
  const liteRt = await loadLiteRt(`/litert/wasm/${loader ?? ''}`, { threads: threads > 1 });
  const isGpu = accelerator === 'webgpu';
  const options = isGpu ? { gpuOptions: { precision: 'fp32' } } : { cpuOptions: { numThreads: threads } };
  const model = await loadAndCompile(file, { accelerator, ...options });
  return {
    info: { threads, accelerator, available: liteRt.liteRtWasm.getThreadCount?.() },
    async run(input) {
      let tensor = new Tensor(input, shape);
      if (isGpu) tensor = await tensor.moveTo('webgpu');
      const [output] = await model.run(tensor);
      const data = await output.data();
      tensor.delete();
      output.delete();
      return data;
    },
    dispose: () => model.delete(),
  };
}
