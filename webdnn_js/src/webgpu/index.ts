/** WebGPU: kernels are WGSL, each memory slot is a buffer of its own. */

import type { Backend } from '../backend';
import { noDevice } from './device';

export const webgpu: Backend = {
  name: 'webgpu',
  memory: 'slots',
  unavailable: noDevice,
  create: async (context) => (await import('./executor')).WebGPUExecutor.create(context),
};
