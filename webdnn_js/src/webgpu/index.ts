/** WebGPU: kernels are WGSL, each memory slot is a buffer of its own. */

import type { Backend } from '../backend';
import { noDevice } from './device';
import { WebGPUExecutor } from './executor';

export const webgpu: Backend = {
  name: 'webgpu',
  memory: 'slots',
  unavailable: noDevice,
  create: (context) => new WebGPUExecutor(context),
};
