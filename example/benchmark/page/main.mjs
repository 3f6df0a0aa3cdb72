// One model on one runtime in one page: loads, runs, times. measure.py opens it, and describes the job that it gets.

async function fetchFloats(url) {
  return new Float32Array(await (await fetch(url)).arrayBuffer());
}

/** The time of every run, for at least `runs` runs and at least `seconds`. */
async function timeRuns(model, input, { warmup, runs, seconds }) {
  for (let i = 0; i < warmup; i++) await model.run(input);
  const times = [];
  const end = performance.now() + 1000 * seconds;
  while (times.length < runs || performance.now() < end) {
    const start = performance.now();
    await model.run(input);
    times.push(performance.now() - start);
  }
  return times;
}

/** Milliseconds of every step in each of `runs` runs. */
async function profile(model, input, { warmup, runs }) {
  for (let i = 0; i < warmup; i++) await model.run(input);
  const profiles = [];
  for (let i = 0; i < runs; i++) profiles.push(await model.profile(input));
  return profiles[0].map(({ kernel, origin }, step) => ({
    kernel,
    origin,
    milliseconds: profiles.map((one) => one[step].milliseconds),
  }));
}

function encode(floats) {
  const bytes = new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
  let text = '';
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
}

/** max|y − ref| / max|ref| */
function errorOf(output, reference) {
  if (output.length !== reference.length) return Infinity;
  let worst = 0;
  let largest = 0;
  output.forEach((value, i) => {
    const distance = Math.abs(value - reference[i]);
    worst = distance <= worst ? worst : distance; // NaN stays
    largest = Math.max(largest, Math.abs(reference[i]));
  });
  return worst / largest;
}

export async function main(job) {
  const started = performance.now();
  const [model, input] = await Promise.all([
    import(`/page/${job.runtime}.mjs`).then(({ load }) => load(job)),
    fetchFloats(job.input),
  ]);
  const loaded = performance.now();
  const output = (await model.run(input)).slice();
  const answered = performance.now();
  const result = {
    // performance.now() counts from the start of the navigation.
    started,
    firstAnswer: answered,
    firstRun: answered - loaded,
    info: model.info,
  };
  if (job.reference) result.error = errorOf(output, await fetchFloats(job.reference));
  else result.output = encode(output);
  if (job.profile) result.profile = await profile(model, input, job);
  else result.times = await timeRuns(model, input, job);
  if (model.gpuTime) {
    const times = [];
    for (let i = 0; i < job.runs; i++) times.push(await model.gpuTime(input));
    result.gpuTimes = times;
  }
  model.dispose();
  if (job.peaks && !job.profile) {
    const { measurePeaks } = await import('/page/peak.mjs'); // not before the first answer
    result.peaks = await measurePeaks(job.peaks, job.peakSeconds);
  }
  return result;
}
