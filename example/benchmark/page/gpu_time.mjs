// How long a GPU computes, by its own clock: time stamps around the compute pass of a run.

let device;

/** Remembers the device that a runtime opens. */
export function watchDevices() {
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (...args) {
    device = await requestDevice.apply(this, args);
    return device;
  };
}

/** Milliseconds of the one compute pass of `run`; undefined where the device has no time stamps. */
export async function timeGpu(run) {
  if (!device?.features.has('timestamp-query')) return undefined;
  const querySet = device.createQuerySet({ type: 'timestamp', count: 2 });
  const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const resolved = device.createBuffer({ size: 16, usage: QUERY_RESOLVE | COPY_SRC });
  const readback = device.createBuffer({ size: 16, usage: COPY_DST | MAP_READ });
  const { beginComputePass } = GPUCommandEncoder.prototype;
  GPUCommandEncoder.prototype.beginComputePass = function (descriptor) {
    const timestampWrites = { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 };
    return beginComputePass.call(this, { ...descriptor, timestampWrites });
  };
  try {
    await run();
  } finally {
    GPUCommandEncoder.prototype.beginComputePass = beginComputePass;
  }
  const encoder = device.createCommandEncoder();
  encoder.resolveQuerySet(querySet, 0, 2, resolved, 0);
  encoder.copyBufferToBuffer(resolved, 0, readback, 0, 16);
  device.queue.submit([encoder.finish()]);
  await readback.mapAsync(GPUMapMode.READ);
  const [begin, end] = new BigUint64Array(readback.getMappedRange());
  for (const made of [querySet, resolved, readback]) made.destroy();
  return Number(end - begin) / 1e6;
}
