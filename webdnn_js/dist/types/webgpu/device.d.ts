/** The GPU device of one model. */
import type { Kernel } from '../plan.js';
/** How many workgroups keep a GPU busy: some dozens, or some hundreds. */
export type Workgroups = 'few' | 'many';
/**
 * A GPU tells its vendor, but not its size. One that hides its vendor counts as large: a large GPU with few workgroups takes twice the
 * time, a small one with many a little more.
 */
export declare function workgroupsFor({ vendor, architecture }: Pick<GPUAdapterInfo, 'vendor' | 'architecture'>): Workgroups;
export interface Device {
    readonly device: GPUDevice;
    readonly workgroups: Workgroups;
    readonly info: Readonly<Record<string, unknown>>;
}
/** A device whose buffers may be as large as the adapter allows. */
export declare function openDevice(adapter: GPUAdapter, options: Readonly<Record<string, unknown>>): Promise<Device>;
/** The first variant that a device with these features can run; if there is none, the source for all devices. */
export declare const sourceFor: ({ source, variants }: Kernel, features: ReadonlySet<string>) => string;
