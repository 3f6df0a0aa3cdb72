// What every test page and worker has. Results are data, so that a test can compare them.

/** @returns {{value} | {error: {name, code, message, ours}} | {hung: true}} what became of `work` within `limit` milliseconds */
globalThis.attempt = async (work, limit = 60_000) => {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(() => resolve({ hung: true }), limit)));
  const done = (async () => {
    try {
      return { value: (await work()) ?? null };
    } catch (error) {
      const { name, code, message } = error ?? {};
      return { error: { name, code, message, ours: error instanceof WebDNN.WebDNNError } };
    }
  })();
  const result = await Promise.race([done, late]);
  clearTimeout(timer);
  return result;
};

/** Sets all inputs to `inputs`, runs, returns copies of the outputs. */
globalThis.runOnce = async (runner, inputs) => {
  runner.inputs.forEach((view, i) => view.set(inputs[i]));
  await runner.run();
  return runner.outputs.map((view) => [...view.toActual()]);
};
