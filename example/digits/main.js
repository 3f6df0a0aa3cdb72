import * as WebDNN from './webdnn/webdnn.mjs';

const BACKENDS = ['webgpu', 'webgl', 'webassembly', 'fallback'];
const SIZE = 8; // the network's image
const BITMAP = 32; // scikit-learn's digits count the ink in 4×4 cells of a 32×32 bitmap
const CELL = BITMAP / SIZE;

const element = (id) => document.getElementById(id);
const percent = (x) => `${(100 * x).toFixed(1)} %`;

/** Loads the model on one backend, or says why it cannot. */
const load = (backend) => WebDNN.load('./output', { backendOrder: [backend] });

let runner;
let batch; // what N of `runner` is
let pixels = new Float32Array(SIZE * SIZE);
let waiting = Promise.resolve();

/** Probabilities of `images` (n × 64 pixels of 0…16), one run for all. */
async function predict(images) {
  const count = images.length / (SIZE * SIZE);
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

async function showAnswer() {
  const { probabilities, milliseconds } = await predict(pixels);
  const [best] = WebDNN.Math.argmax(probabilities, 1);
  [...element('bars').children].forEach((row, digit) => {
    row.classList.toggle('best', digit === best);
    row.querySelector('.fill').style.width = `${100 * probabilities[digit]}%`;
    row.querySelector('.value').textContent = percent(probabilities[digit]);
  });
  element('timing').textContent = `${runner.backendName}: ${milliseconds.toFixed(1)} ms`;
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
  element('count').textContent = `${labels.length} that training never saw`;
  return { ...result, count: labels.length };
}

async function useBackend(backend, heldOut) {
  const next = await load(backend);
  runner?.dispose();
  [runner, batch] = [next, undefined];
  for (const button of element('backends').children) {
    button.setAttribute('aria-pressed', String(button.dataset.backend === backend));
  }
  const result = await checkHeldOut(heldOut);
  await showAnswer();
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
  pixels = values;
  paint(element('seen'), pixels);
  return inTurn(showAnswer);
}

/** What was drawn, fitted into a 32×32 bitmap and counted in 4×4 cells, as the training digits were. */
function readPad(pad) {
  const { width, height } = pad;
  const ink = pad.getContext('2d').getImageData(0, 0, width, height).data;
  let [left, right, top, bottom] = [width, -1, height, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (ink[4 * (y * width + x) + 3] < 128) continue;
      [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
    }
  }
  const values = new Float32Array(SIZE * SIZE);
  if (right < 0) return values;
  const small = new OffscreenCanvas(BITMAP, BITMAP).getContext('2d', { willReadFrequently: true });
  const [w, h] = [right - left + 1, bottom - top + 1];
  const scale = (BITMAP - 2) / Math.max(w, h);
  small.drawImage(pad, left, top, w, h, (BITMAP - w * scale) / 2, (BITMAP - h * scale) / 2, w * scale, h * scale);
  const bitmap = small.getImageData(0, 0, BITMAP, BITMAP).data;
  for (let y = 0; y < BITMAP; y++) {
    for (let x = 0; x < BITMAP; x++) {
      const cell = SIZE * Math.floor(y / CELL) + Math.floor(x / CELL);
      values[cell] += bitmap[4 * (y * BITMAP + x) + 3] >= 100 ? 1 : 0;
    }
  }
  return values;
}

function makePad() {
  const pad = element('pad');
  const context = pad.getContext('2d', { willReadFrequently: true });
  Object.assign(context, { lineWidth: 30, lineCap: 'round', lineJoin: 'round', strokeStyle: '#fff' });
  let last;
  pad.addEventListener('pointerdown', (event) => {
    pad.setPointerCapture(event.pointerId);
    last = [event.offsetX, event.offsetY];
  });
  pad.addEventListener('pointermove', (event) => {
    if (!last) return;
    context.beginPath();
    context.moveTo(...last);
    last = [event.offsetX, event.offsetY];
    context.lineTo(...last);
    context.stroke();
    show(readPad(pad));
  });
  for (const name of ['pointerup', 'pointercancel']) pad.addEventListener(name, () => (last = undefined));
  element('clear').addEventListener('click', () => {
    context.clearRect(0, 0, pad.width, pad.height);
    show(new Float32Array(SIZE * SIZE));
  });
}

function makeBars() {
  for (let digit = 0; digit < 10; digit++) {
    const row = document.createElement('li');
    row.innerHTML = `<span>${digit}</span><div class="track"><div class="fill"></div></div><span class="value"></span>`;
    element('bars').append(row);
  }
}

function makeSamples({ images }) {
  for (let i = 0; i < 32; i++) {
    const values = images.slice(64 * i, 64 * (i + 1));
    const canvas = Object.assign(document.createElement('canvas'), { width: SIZE, height: SIZE });
    paint(canvas, values);
    canvas.addEventListener('click', () => show(values));
    element('samples').append(canvas);
  }
}

async function makeBackends(heldOut) {
  const { status } = WebDNN.getBackendAvailability();
  for (const backend of BACKENDS) {
    const button = document.createElement('button');
    button.textContent = button.dataset.backend = backend;
    button.disabled = !status[backend];
    button.addEventListener('click', () => inTurn(() => useBackend(backend, heldOut)));
    element('backends').append(button);
  }
}

async function main() {
  const [binary, record] = await Promise.all([fetch('heldout.bin'), fetch('heldout.json')]);
  const heldOut = { images: new Float32Array(await binary.arrayBuffer()), ...(await record.json()) };
  makePad();
  makeBars();
  makeSamples(heldOut);
  await makeBackends(heldOut);
  // For `bin/demo --check`.
  window.useBackend = (backend) => useBackend(backend, heldOut);
  window.showSample = (i) => show(heldOut.images.slice(64 * i, 64 * (i + 1)));
  const first = [...element('backends').children].find((button) => !button.disabled);
  await inTurn(() => useBackend(first.dataset.backend, heldOut));
  window.ready = true;
}

main().catch((error) => {
  element('failure').textContent = error.message;
});
