'use strict';

// A page as WebDNN 1 taught to write them: a script tag, the global WebDNN, a radio button whose value is the backend ('' for
// whichever there is), samples that are arrays of 784 numbers, views of the runner. Nothing in it knows of version 2.

let runner = null;
let samples = [];

function say(text) {
  document.getElementById('state').textContent = text;
}

function forget() {
  runner = null;
  const table = document.getElementById('result');
  while (table.rows.length > 1) table.deleteRow(-1);
}

async function prepare() {
  const backendOrder = document.querySelector('input[name=backend]:checked').value;
  runner = await WebDNN.load('./output_keras', { backendOrder });
  const response = await fetch('./output_keras/test_samples.json');
  samples = (await response.json()).map(({ x, y }) => ({ x: new Float32Array(x), y }));
  say(`Backend: ${runner.backendName}`);
}

/** The index of the largest value, by hand: in WebDNN 1 views were read like arrays. */
function largest(vector) {
  let best = 0;
  for (let i = 1; i < vector.length; i++) {
    if (vector[i] > vector[best]) best = i;
  }
  return best;
}

function addRow(pixels, predicted, truth) {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 28;
  WebDNN.Image.setImageArrayToCanvas(pixels, 28, 28, canvas, {
    color: WebDNN.Image.Color.GREY,
    order: WebDNN.Image.Order.HWC,
    bias: [0, 0, 0],
    scale: [255, 255, 255],
  });
  const row = document.getElementById('result').insertRow();
  row.insertCell().appendChild(canvas);
  row.insertCell().textContent = predicted;
  row.insertCell().textContent = truth;
}

async function classify() {
  try {
    if (!runner) await prepare();
    const x = runner.getInputViews()[0];
    const y = runner.getOutputViews()[0];
    let elapsed = 0;
    for (const sample of samples) {
      x.set(sample.x);
      const start = performance.now();
      await runner.run();
      elapsed += performance.now() - start;
      const predicted = WebDNN.Math.argmax(y)[0];
      if (predicted !== largest(y.toActual())) throw new Error('argmax and toActual do not agree');
      if (runner.inputs[0] !== x || runner.outputs[0] !== y) throw new Error('inputs and views are not the same');
      addRow(sample.x, predicted, sample.y);
    }
    say(`done on ${runner.backendName}, ${(elapsed / samples.length).toFixed(1)} ms an image`);
  } catch (error) {
    say(`failed: ${error}`);
  }
}
