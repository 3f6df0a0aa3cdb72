// onnxruntime-web on WebAssembly.
import * as ort from '/onnxruntime/ort.wasm.bundle.min.mjs';

export async function load({ file, shape, threads }) {
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.simd = true;
  ort.env.wasm.wasmPaths = '/onnxruntime/';
  const session = await ort.InferenceSession.create(file, {
    executionProviders: ['wasm'],
    graphOptimizationLevel: 'all',
  });
  const [inputName] = session.inputNames;
  const [outputName] = session.outputNames;
  return {
    info: { version: ort.env.versions.web, threads: ort.env.wasm.numThreads },
    async run(input) {
      const outputs = await session.run({ [inputName]: new ort.Tensor('float32', input, shape) });
      return outputs[outputName].data;
    },
    dispose: () => session.release(),
  };
}
