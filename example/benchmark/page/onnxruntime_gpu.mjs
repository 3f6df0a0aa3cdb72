// onnxruntime-web on WebGPU, with or without graph capture, or on WebGL.

async function open(library, file, options) {
  const ort = await import(library);
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = '/onnxruntime/';
  const session = await ort.InferenceSession.create(file, { graphOptimizationLevel: 'all', ...options });
  return { ort, session, inputName: session.inputNames[0], outputName: session.outputNames[0] };
}

async function plain({ file, shape, provider, library }) {
  const options = { executionProviders: [provider] };
  const { ort, session, inputName, outputName } = await open(library.at(-1), file, options);
  return {
    info: { version: ort.env.versions.web, provider },
    async run(input) {
      const outputs = await session.run({ [inputName]: new ort.Tensor('float32', input, shape) });
      return outputs[outputName].data;
    },
    dispose: () => session.release(),
  };
}

/** Captured commands read and write the same buffers in each run: the page's, which it fills and reads. */
async function captured({ file, shape, provider, library }) {
  const options = { executionProviders: [provider], enableGraphCapture: true, preferredOutputLocation: 'gpu-buffer' };
  const { ort, session, inputName, outputName } = await open(library.at(-1), file, options);
  const device = await ort.env.webgpu.device;
  const { STORAGE, COPY_DST, COPY_SRC } = GPUBufferUsage;
  const size = 4 * shape.reduce((a, b) => a * b, 1);
  const gpuBuffer = device.createBuffer({ size, usage: STORAGE | COPY_DST | COPY_SRC });
  const tensor = ort.Tensor.fromGpuBuffer(gpuBuffer, { dataType: 'float32', dims: shape });
  return {
    info: { version: ort.env.versions.web, provider, captured: true },
    async run(input) {
      device.queue.writeBuffer(gpuBuffer, 0, input);
      const outputs = await session.run({ [inputName]: tensor });
      return outputs[outputName].getData();
    },
    dispose: () => session.release(),
  };
}

export const load = (job) => (job.capture ? captured(job) : plain(job));
