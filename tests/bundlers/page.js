// What a page does that installed the runtime from a package: it loads a model, runs it, and says what happened.
import { load } from 'webdnn';

const options = JSON.parse(new URLSearchParams(location.search).get('options') ?? '{}');

globalThis.answer = (async () => {
  const runner = await load('/model', { backendOrder: 'webassembly', ...options });
  runner.inputs[0].set(new Float32Array(await (await fetch('/model/input.bin')).arrayBuffer()));
  await runner.run();
  return { output: Array.from(runner.outputs[0]), info: runner.info };
})();
