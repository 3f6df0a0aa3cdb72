// TensorFlow.js on WebAssembly (XNNPACK): its core, the loader of graph models, and the backend.

/** The modules of these packages are for bundlers; a page without one takes the scripts. */
function addScript(src) {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.async = false; // in order
    script.src = src;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${src} does not load`));
    document.head.append(script);
  });
}

export async function load({ file, shape, threads, library }) {
  await Promise.all(library.map(addScript));
  const { tf } = globalThis;
  if (threads > 1) {
    tf.wasm.setWasmPaths('/tfjs/wasm-out/');
    tf.wasm.setThreadsCount(threads);
  } else {
    tf.wasm.setWasmPath('/tfjs/wasm-out/tfjs-backend-wasm-simd.wasm'); // without this it loads the build for threads
  }
  await tf.setBackend('wasm');
  const model = await tf.loadGraphModel(file);
  return {
    info: { version: tf.version_core, threads: tf.wasm.getThreadsCount() },
    async run(input) {
      const tensor = tf.tensor(input, shape);
      const output = model.execute(tensor);
      const data = await output.data();
      tensor.dispose();
      output.dispose();
      return data;
    },
    dispose: () => model.dispose(),
  };
}
