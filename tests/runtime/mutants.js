// A worker that runs descriptors which came with the message instead of from the server.
import * as WebDNN from '/runtime/webdnn.mjs';
globalThis.WebDNN = WebDNN;
await import('/attempt.js');

let files = {};
const realFetch = globalThis.fetch;
globalThis.fetch = (url, options) => {
  const text = files[String(url).split('/').pop()];
  return text === undefined ? realFetch(url, options) : Promise.resolve(new Response(text));
};
console.warn = () => undefined;

globalThis.onmessage = async ({ data: { manifest, plan, plans, backend } }) => {
  files = { 'descriptor.json': manifest, [plans]: plan };
  const result = await attempt(async () => {
    const runner = await WebDNN.load('/mixed', { backendOrder: backend });
    try {
      await runner.setPlaceholderValue({});
      await runner.run();
      return runner.outputs.map(({ length }) => length);
    } finally {
      runner.dispose();
    }
  });
  postMessage(result);
};
postMessage('ready');
