// Pictures of every kind for the tests of WebDNN.Image, and their arrays as text that a test in Python can read.

/** @returns {Promise<string>} the bytes of what getImageArray gives, in base64 */
globalThis.arrayOf = async (source, options) => packed(await WebDNN.Image.getImageArray(source, options));

globalThis.packed = (array) => {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  let text = '';
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
};

/** In memory: a graphics processor converts the colours of a JPEG by arithmetic of its own. */
const drawnOn = (canvas, source, width, height) => {
  Object.assign(canvas, { width, height });
  canvas.getContext('2d', { willReadFrequently: true }).drawImage(source, 0, 0);
  return canvas;
};

/** What a camera would give: the picture as the one frame of a video. */
async function videoOf(canvas) {
  const video = Object.assign(document.createElement('video'), { muted: true, srcObject: canvas.captureStream(0) });
  const there = new Promise((resolve) => (video.onloadeddata = resolve));
  const { width, height } = canvas;
  const context = canvas.getContext('2d');
  const again = setInterval(() => {
    context.putImageData(context.getImageData(0, 0, width, height), 0, 0);
    video.srcObject.getVideoTracks()[0].requestFrame?.();
    video.srcObject.requestFrame?.();
  }, 20);
  void video.play();
  await there;
  clearInterval(again);
  video.pause();
  return video;
}

/** @returns {Promise<Record<string, () => unknown>>} makers of the picture at `url`, by kind */
globalThis.sourcesOf = async (url) => {
  const blob = await (await fetch(url)).blob();
  const image = Object.assign(new Image(), { src: url });
  await image.decode();
  const { naturalWidth: width, naturalHeight: height } = image;
  const canvas = drawnOn(document.createElement('canvas'), image, width, height);
  const data = canvas.getContext('2d').getImageData(0, 0, width, height);
  const input = Object.assign(document.createElement('input'), { type: 'file' });
  const files = new DataTransfer();
  files.items.add(new File([blob], 'picture'));
  input.files = files.files;
  const dense = Object.assign(new Image(), { srcset: `${url} 2x` });
  return {
    url: () => url,
    'URL object': () => new URL(url, location),
    img: () => image,
    'img, not loaded yet': () => Object.assign(new Image(), { src: url }),
    'img of twice the density': () => dense,
    blob: () => blob,
    file: () => input.files[0],
    'file input': () => input,
    canvas: () => canvas,
    OffscreenCanvas: () => drawnOn(new OffscreenCanvas(1, 1), image, width, height),
    ImageData: () => data,
    pixels: () => ({ data: data.data, width, height }),
    ImageBitmap: () => createImageBitmap(canvas),
    VideoFrame: () => new VideoFrame(canvas, { timestamp: 0 }),
    loadImageByUrl: () => WebDNN.Image.loadImageByUrl(url),
    loadImageFromFileInput: () => WebDNN.Image.loadImageFromFileInput(input),
  };
};

/** @returns {Promise<[string, string]>} the array of a video's frame, and that of the same frame on a canvas */
globalThis.videoAndCanvas = async (url, options) => {
  const image = Object.assign(new Image(), { src: url });
  await image.decode();
  const { naturalWidth: width, naturalHeight: height } = image;
  const video = await videoOf(drawnOn(document.createElement('canvas'), image, width, height));
  const frame = drawnOn(document.createElement('canvas'), video, width, height);
  return [await arrayOf(video, options), await arrayOf(frame, options)];
};
