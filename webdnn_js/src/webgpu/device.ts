/** The GPU device of one model. */

import { WebDNNError } from '../errors';

const findAdapter = async (powerPreference: unknown): Promise<GPUAdapter | null> =>
  navigator.gpu.requestAdapter({ powerPreference: (powerPreference as GPUPowerPreference) ?? 'high-performance' });

/** Why there is no device, or undefined. */
export async function noDevice(): Promise<string | undefined> {
  if (!globalThis.navigator?.gpu) {
    return globalThis.isSecureContext === false
      ? 'WebGPU needs a secure context: serve the page over https, or from localhost'
      : 'this browser has no WebGPU';
  }
  return (await findAdapter(undefined))
    ? undefined
    : 'this browser finds no WebGPU adapter (GPU or driver not supported)';
}

export interface Device {
  readonly device: GPUDevice;
  readonly info: Readonly<Record<string, unknown>>;
}

/** A device whose buffers may be as large as the adapter allows; timestamps too, if it has them, for `profile`. */
export async function openDevice(powerPreference: unknown): Promise<Device> {
  const adapter = await findAdapter(powerPreference);
  if (!adapter) throw new WebDNNError('backend', 'this browser finds no WebGPU adapter');
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const requiredFeatures: GPUFeatureName[] = adapter.features.has('timestamp-query') ? ['timestamp-query'] : [];
  const device = await adapter.requestDevice({
    requiredFeatures,
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize },
  });
  const { vendor, architecture, device: name, description } = adapter.info;
  return { device, info: { vendor, architecture, device: name, description, maxStorageBufferBindingSize } };
}
