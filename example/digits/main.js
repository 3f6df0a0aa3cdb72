import * as WebDNN from './webdnn/webdnn.mjs';
import { SIZE, makePad } from './pad.js';

const BACKENDS = ['webgpu', 'webgl', 'webassembly', 'fallback'];
const SAMPLES = 30;
const PIXELS = SIZE * SIZE;

const element = (id) => document.getElementById(id);
const percent = (x) => `${(100 * x).toFixed(1)} %`;

let runner;
let batch; // what N of `runner` is
let drawn; // 64 pixels of 0…16, or undefined while there is nothing to see
let waiting = Promise.resolve();
/** Backend → why it does not run here. */
const reasons = new Map();

/** Probabilities of `images` (n × 64 pixels of 0…16), one run for all. */
async function predict(images) {
  const count = images.length / PIXELS;
  if (batch !== count) await runner.setPlaceholderValue({ N: count });
  batch = count;
  runner.inputs[0].set(images);
  const start = performance.now();
  await runner.run();
  return { probabilities: Float32Array.from(runner.outputs[0].toActual()), milliseconds: performance.now() - start };
}

/** One thing at a time: a runner refuses two runs at once. */
function inTurn(work) {
  waiting = waiting.then(work).catch((error) => {
    element('failure').textContent = error.message;
  });
  return waiting;
}

/** Says what is believed about the drawing; about none, nothing. */
function showAnswer(best, text, probabilities) {
  const [digit, words] = element('answer').children;
  digit.textContent = best ?? '–';
  words.textContent = text;
  [...element('bars').children].forEach((row, i) => {
    const value = probabilities?.[i];
    row.classList.toggle('best', i === best);
    row.querySelector('.fill').style.width = `${100 * (value ?? 0)}%`;
    row.querySelector('.value').textContent = value === undefined ? '' : percent(value);
  });
}

async function answer() {
  if (!runner) return;
  if (!drawn) {
    showAnswer(undefined, 'Draw a digit, or pick one from below.');
    return;
  }
  const { probabilities, milliseconds } = await predict(drawn);
  const [best] = WebDNN.Math.argmax(probabilities, 1);
  showAnswer(best, `with ${percent(probabilities[best])}, in ${milliseconds.toFixed(1)} ms on ${runner.backendName}`, probabilities);
}

/** Runs all held-out digits in this browser and compares with what Keras said. */
async function checkHeldOut({ images, labels, keras }) {
  const { probabilities } = await predict(images);
  const answers = labels.map((_, i) => WebDNN.Math.argmax(probabilities.subarray(10 * i, 10 * i + 10), 1)[0]);
  const right = (list) => list.filter((answer, i) => answer === labels[i]).length / labels.length;
  const result = { browser: right(answers), keras: right(keras), differing: answers.filter((a, i) => a !== keras[i]).length };
  element('browser').textContent = percent(result.browser);
  element('keras').textContent = percent(result.keras);
  element('differing').textContent = result.differing;
  element('count').textContent = `(${labels.length})`;
  return { ...result, backend: runner.backendName, count: labels.length };
}

function showBackends() {
  for (const button of element('backends').children) {
    const { backend } = button.dataset;
    button.setAttribute('aria-pressed', String(backend === runner?.backendName));
    button.disabled = reasons.has(backend);
    button.title = reasons.get(backend) ?? '';
  }
  element('reasons').replaceChildren(
    ...[...reasons].map(([backend, reason]) => Object.assign(document.createElement('li'), { textContent: `${backend}: ${reason}` })),
  );
}

/** Loads the model as any page does, or on one backend, if there is a name; what does not start stays as it was. */
async function useBackend(heldOut, name) {
  element('failure').textContent = '';
  try {
    const next = await WebDNN.load('./output', name ? { backendOrder: [name] } : {});
    for (const { backend, reason } of next.info.fallThrough) reasons.set(backend, reason);
    runner?.dispose();
    [runner, batch] = [next, undefined];
  } catch (error) {
    if (!name || error.code !== 'backend') throw error;
    reasons.set(name, error.message);
    showBackends();
    throw error;
  }
  showBackends();
  const result = await checkHeldOut(heldOut);
  await answer();
  return result;
}

/** Draws 8×8 pixels of 0…16 on a canvas of that size. */
function paint(canvas, values) {
  const context = canvas.getContext('2d');
  const image = context.createImageData(SIZE, SIZE);
  values.forEach((value, i) => image.data.set([value, value, value, 16].map((v) => Math.min(255, v * 16)), 4 * i));
  context.putImageData(image, 0, 0);
}

function show(values) {
  drawn = values;
  paint(element('seen'), drawn ?? new Float32Array(PIXELS));
  return inTurn(answer);
}

function makeBars() {
  for (let digit = 0; digit < 10; digit++) {
    const row = document.createElement('li');
    row.innerHTML = `<span>${digit}</span><div class="track"><div class="fill"></div></div><span class="value"></span>`;
    element('bars').append(row);
  }
}

function makeSamples({ images, labels }, pad) {
  for (let i = 0; i < Math.min(SAMPLES, labels.length); i++) {
    const values = images.slice(PIXELS * i, PIXELS * (i + 1));
    const canvas = Object.assign(document.createElement('canvas'), { width: SIZE, height: SIZE });
    paint(canvas, values);
    const button = Object.assign(document.createElement('button'), { type: 'button', ariaLabel: `a ${labels[i]}` });
    button.append(canvas);
    button.addEventListener('click', () => {
      pad.clear();
      void show(values);
    });
    element('samples').append(button);
  }
}

function makeBackends(heldOut) {
  const { status } = WebDNN.getBackendAvailability();
  for (const backend of BACKENDS) {
    if (!status[backend]) reasons.set(backend, 'this browser does not have it');
    const button = Object.assign(document.createElement('button'), { type: 'button', textContent: backend });
    button.dataset.backend = backend;
    button.addEventListener('click', () => inTurn(() => useBackend(heldOut, backend)));
    element('backends').append(button);
  }
  showBackends();
}

async function main() {
  const [binary, record] = await Promise.all([fetch('heldout.bin'), fetch('heldout.json')]);
  const heldOut = { images: new Float32Array(await binary.arrayBuffer()), ...(await record.json()) };
  const pad = makePad(element('pad'), show);
  element('clear').addEventListener('click', () => {
    pad.clear();
    void show(undefined);
  });
  makeBars();
  makeSamples(heldOut, pad);
  makeBackends(heldOut);
  // For `bin/demo --check`.
  window.useBackend = (backend) => useBackend(heldOut, backend);
  const loading = useBackend(heldOut);
  waiting = loading.catch(() => undefined); // what is drawn meanwhile is answered afterwards
  window.first = await loading;
  window.ready = true;
}

main().catch((error) => {
  element('failure').textContent = error.message;
  showAnswer(undefined, 'The network could not be loaded.');
});
