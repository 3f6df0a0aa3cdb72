/** How long each step takes. */

import type { Call } from './executor';

type Encode = (pass: GPUComputePassEncoder, call: Call) => void;

/** A query set holds 4,096 timestamps: the begin and the end of so many steps. */
const STEPS_PER_SET = 2048;
const BYTES_PER_STEP = 16;

function submit(device: GPUDevice, work: (encoder: GPUCommandEncoder) => void): void {
  const encoder = device.createCommandEncoder();
  work(encoder);
  device.queue.submit([encoder.finish()]);
}

/** Runs `calls` in order; milliseconds of each. By the GPU's own clock where it has one, else by ours around a submit. */
export async function timePasses(device: GPUDevice, calls: readonly Call[], encode: Encode): Promise<number[]> {
  const byDevice = device.features.has('timestamp-query');
  const times: number[] = [];
  for (let i = 0; i < calls.length; i += byDevice ? STEPS_PER_SET : 1) {
    const some = calls.slice(i, i + STEPS_PER_SET);
    if (byDevice) times.push(...(await timeByDevice(device, some, encode)));
    else times.push(await timeByClock(device, calls[i]!, encode));
  }
  return times;
}

async function timeByClock(device: GPUDevice, call: Call, encode: Encode): Promise<number> {
  await device.queue.onSubmittedWorkDone();
  const start = performance.now();
  submit(device, (encoder) => {
    const pass = encoder.beginComputePass();
    encode(pass, call);
    pass.end();
  });
  await device.queue.onSubmittedWorkDone();
  return performance.now() - start;
}

async function timeByDevice(device: GPUDevice, calls: readonly Call[], encode: Encode): Promise<number[]> {
  const querySet = device.createQuerySet({ type: 'timestamp', count: calls.length * 2 });
  const size = calls.length * BYTES_PER_STEP;
  const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const resolved = device.createBuffer({ size, usage: QUERY_RESOLVE | COPY_SRC });
  const readback = device.createBuffer({ size, usage: COPY_DST | MAP_READ });
  submit(device, (encoder) => {
    calls.forEach((call, i) => {
      const timestampWrites = { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 };
      const pass = encoder.beginComputePass({ timestampWrites });
      encode(pass, call);
      pass.end();
    });
    encoder.resolveQuerySet(querySet, 0, calls.length * 2, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, readback, 0, size);
  });
  await readback.mapAsync(GPUMapMode.READ);
  const stamps = new BigUint64Array(readback.getMappedRange());
  // A step may seem to end before it begins: some drivers reset their clock.
  const times = calls.map((_, i) => Math.max(0, Number(stamps[2 * i + 1]! - stamps[2 * i]!) / 1e6));
  for (const made of [querySet, resolved, readback]) made.destroy();
  return times;
}
