/** The drawing area: mouse, finger and keyboard draw on it, and it is read as the training digits were. */

export const SIZE = 8; // the network's image
const BITMAP = 32; // scikit-learn's digits count the ink in 4×4 cells of a 32×32 bitmap
const CELL = BITMAP / SIZE;
const STEP = 10; // pixels that an arrow key moves the pen
const MOVES = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

/** Smallest rectangle around the ink, or undefined where there is none. */
function boundsOf(ink, width, height) {
  let [left, right, top, bottom] = [width, -1, height, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (ink[4 * (y * width + x) + 3] < 128) continue;
      [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
    }
  }
  return right < 0 ? undefined : [left, top, right - left + 1, bottom - top + 1];
}

/** What was drawn, fitted into a 32×32 bitmap and counted in 4×4 cells; undefined if nothing was. */
function read(canvas) {
  const { width, height } = canvas;
  const bounds = boundsOf(canvas.getContext('2d').getImageData(0, 0, width, height).data, width, height);
  if (!bounds) return undefined;
  const [left, top, w, h] = bounds;
  const small = Object.assign(document.createElement('canvas'), { width: BITMAP, height: BITMAP });
  const context = small.getContext('2d', { willReadFrequently: true });
  const scale = (BITMAP - 2) / Math.max(w, h);
  context.drawImage(canvas, left, top, w, h, (BITMAP - w * scale) / 2, (BITMAP - h * scale) / 2, w * scale, h * scale);
  const bitmap = context.getImageData(0, 0, BITMAP, BITMAP).data;
  const values = new Float32Array(SIZE * SIZE);
  for (let y = 0; y < BITMAP; y++) {
    for (let x = 0; x < BITMAP; x++) {
      const cell = SIZE * Math.floor(y / CELL) + Math.floor(x / CELL);
      values[cell] += bitmap[4 * (y * BITMAP + x) + 3] >= 100 ? 1 : 0;
    }
  }
  return values;
}

/**
 * Makes `canvas` a drawing area; `changed` gets 64 values of 0…16 after every stroke, undefined when nothing is drawn.
 * The ink is on a canvas of its own, so that the keyboard's pen can be shown without being read.
 */
export function makePad(canvas, changed) {
  const { width, height } = canvas;
  const ink = Object.assign(document.createElement('canvas'), { width, height });
  const pen = ink.getContext('2d', { willReadFrequently: true });
  Object.assign(pen, { lineWidth: 30, lineCap: 'round', lineJoin: 'round', strokeStyle: '#fff', fillStyle: '#fff' });
  const shown = canvas.getContext('2d');
  let last; // where the pen is, while it is down
  let key = [width / 2, height / 2]; // where the keyboard's pen is
  let typing = false;

  const show = () => {
    shown.clearRect(0, 0, width, height);
    shown.drawImage(ink, 0, 0);
    if (!typing) return;
    shown.beginPath();
    shown.arc(...key, 15, 0, 2 * Math.PI);
    Object.assign(shown, { lineWidth: 3, strokeStyle: last ? '#58a6ff' : '#889' });
    shown.stroke();
  };
  const lineTo = (point) => {
    pen.beginPath();
    pen.moveTo(...last);
    pen.lineTo(...point);
    pen.stroke();
    pen.beginPath();
    pen.arc(...point, pen.lineWidth / 2, 0, 2 * Math.PI); // a line without length draws nothing
    pen.fill();
    last = point;
    show();
    changed(read(ink));
  };
  const placeOf = ({ offsetX, offsetY }) => [(offsetX * width) / canvas.clientWidth, (offsetY * height) / canvas.clientHeight];

  canvas.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    typing = false;
    last = placeOf(event);
    lineTo(last); // a tap is a dot
  });
  canvas.addEventListener('pointermove', (event) => {
    if (last && !typing) lineTo(placeOf(event));
  });
  const lift = () => {
    last = undefined;
    show();
  };
  for (const name of ['pointerup', 'pointercancel']) canvas.addEventListener(name, lift);

  canvas.addEventListener('keydown', (event) => {
    const move = MOVES[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || !(move || event.key === ' ')) return;
    event.preventDefault();
    typing = true;
    if (move) {
      key = [Math.min(Math.max(key[0] + move[0], 0), width), Math.min(Math.max(key[1] + move[1], 0), height)];
      if (last) lineTo(key);
    } else if (last) {
      last = undefined;
    } else {
      last = key;
      lineTo(key);
    }
    show();
  });
  canvas.addEventListener('blur', () => {
    typing = false;
    lift();
  });

  return {
    clear() {
      pen.clearRect(0, 0, width, height);
      lift();
    },
  };
}
