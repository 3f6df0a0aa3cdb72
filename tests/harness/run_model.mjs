// Runs jobs from standard input in Node, as runner.html does in a page: node run_model.mjs RUNTIME < jobs.json > answers.json
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const WebDNN = await import(pathToFileURL(process.argv[2]).href);
const ARRAYS = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array, int8: Int8Array, bool: Uint8Array };
const decode = ({ dtype, data }) => new ARRAYS[dtype](Uint8Array.from(Buffer.from(data, 'base64')).buffer);
const encode = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('base64');

async function runModel({ url, backend, options, runs }) {
  const runner = await WebDNN.load(url, { backendOrder: [backend], backendOptions: options });
  const results = [];
  for (const run of runs) {
    if (Object.keys(run.symbols).length) await runner.setPlaceholderValue(run.symbols);
    run.inputs.forEach((record, i) => runner.inputs[i].set(decode(record)));
    await runner.run();
    results.push(Array.from(runner.outputs, (o) => ({ dtype: o.dtype, data: encode(o.toActual()), shape: [...o.shape] })));
  }
  const { info } = runner;
  runner.dispose();
  return { results, info };
}

const answers = [];
for (const job of JSON.parse(readFileSync(0, 'utf8'))) {
  answers.push(await runModel(job).catch((error) => ({ error: `${error.name}: ${error.message}` })));
}
process.stdout.write(JSON.stringify(answers));
