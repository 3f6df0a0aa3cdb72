// Ours: the webassembly backend, in the variant that it chooses or in a forced one.
import * as WebDNN from '/webdnn/webdnn.mjs';

export async function load({ descriptor, variant, threads }) {
  const runner = await WebDNN.load(descriptor, {
    backendOrder: ['webassembly'],
    backendOptions: { webassembly: { threads, ...(variant && { variant }) } },
  });
  return {
    info: runner.info,
    async run(input) {
      runner.inputs[0].set(input);
      await runner.run();
      return runner.outputs[0].toActual();
    },
    profile(input) {
      runner.inputs[0].set(input);
      return runner.profile();
    },
    dispose: () => runner.dispose(),
  };
}
