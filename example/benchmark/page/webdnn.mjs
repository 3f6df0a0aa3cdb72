// Ours. The webassembly backend runs in the variant that it chooses or in a forced one.

import { timeGpu, watchDevices } from '/page/gpu_time.mjs';

export async function load({ file, dist, backend = 'webassembly', variant, threads }) {
  if (backend === 'webgpu') watchDevices();
  const WebDNN = await import(`${dist}/webdnn.mjs`);
  const options = backend === 'webassembly' ? { threads, ...(variant && { variant }) } : {};
  const runner = await WebDNN.load(file, { backendOrder: [backend], backendOptions: { [backend]: options } });
  const run = async (input) => {
    runner.inputs[0].set(input);
    await runner.run();
    return runner.outputs[0].toActual();
  };
  return {
    info: runner.info,
    run,
    profile(input) {
      runner.inputs[0].set(input);
      return runner.profile();
    },
    gpuTime: backend === 'webgpu' ? (input) => timeGpu(() => run(input)) : undefined,
    dispose: () => runner.dispose(),
  };
}
