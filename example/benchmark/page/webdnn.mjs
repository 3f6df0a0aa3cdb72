// Ours: the webassembly backend, in the variant that it chooses or in a forced one.

export async function load({ file, dist, variant, threads }) {
  const WebDNN = await import(`${dist}/webdnn.mjs`);
  const runner = await WebDNN.load(file, {
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
