/** The GPU device of one model. */

import type { Kernel } from '../plan';

/** How many workgroups keep a GPU busy: some dozens, or some hundreds. */
export type Workgroups = 'few' | 'many';

/** Vendors of GPUs that share a processor's memory, and of software. */
const SMALL = ['arm', 'broadcom', 'google', 'img-tec', 'intel', 'mesa', 'microsoft', 'qualcomm', 'samsung'];

/**
 * A GPU tells its vendor, but not its size. One that hides its vendor counts as large: a large GPU with few workgroups takes twice the
 * time, a small one with many a little more.
 */
export function workgroupsFor({ vendor, architecture }: Pick<GPUAdapterInfo, 'vendor' | 'architecture'>): Workgroups {
  const isCard = vendor === 'intel' && /hp/.test(architecture); // gen-12-hp, xe-hpg
  return SMALL.includes(vendor) && !isCard ? 'few' : 'many';
}

export interface Device {
  readonly device: GPUDevice;
  readonly workgroups: Workgroups;
  readonly info: Readonly<Record<string, unknown>>;
}

/** What a device is asked for, if its adapter has it: timestamps are for `profile`, the others for variants of kernels. */
const FEATURES = ['core-features-and-limits', 'timestamp-query', 'shader-f16', 'subgroups'] as GPUFeatureName[];

/** A device whose buffers may be as large as the adapter allows. */
export async function openDevice(adapter: GPUAdapter, options: Readonly<Record<string, unknown>>): Promise<Device> {
  const { maxBufferSize, maxStorageBufferBindingSize, maxStorageBuffersPerShaderStage } = adapter.limits;
  const device = await adapter.requestDevice({
    requiredFeatures: FEATURES.filter((feature) => adapter.features.has(feature)),
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize, maxStorageBuffersPerShaderStage },
  });
  const { vendor, architecture, device: name, description } = adapter.info;
  const workgroups = (options['workgroups'] as Workgroups | undefined) ?? workgroupsFor(adapter.info);
  const info = { vendor, architecture, device: name, description, maxStorageBufferBindingSize, workgroups };
  return { device, workgroups, info };
}

/** The first variant that a device with these features can run; if there is none, the source for all devices. */
export const sourceFor = ({ source = '', variants = [] }: Kernel, features: ReadonlySet<string>): string =>
  variants.find((variant) => variant.features.every((feature) => features.has(feature)))?.source ?? source;
