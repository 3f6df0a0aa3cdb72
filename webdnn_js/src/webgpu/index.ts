/** WebGPU: kernels are WGSL, each memory slot is a buffer of its own. */

import type { Backend, Preparation, Surroundings } from '../backend';
import { WebDNNError } from '../errors';
import { checkBackendOptions } from '../options';
import type { Device } from './device';

/** Why there can be no adapter, or undefined; whether there is one, only asking for it tells. */
function noWebGPU(): string | undefined {
  if (globalThis.navigator?.gpu) return undefined;
  return globalThis.isSecureContext === false
    ? 'WebGPU needs a secure context: serve the page over https, or from localhost'
    : 'this browser has no WebGPU';
}

/** An adapter with all of WebGPU or, where there is none (OpenGL ES 3.1, Direct3D 11), one of its compatibility mode. */
async function findAdapter(powerPreference: GPUPowerPreference = 'high-performance'): Promise<GPUAdapter> {
  const adapter =
    (await navigator.gpu?.requestAdapter({ powerPreference })) ??
    (await navigator.gpu?.requestAdapter({ powerPreference, featureLevel: 'compatibility' }));
  if (adapter) return adapter;
  throw new WebDNNError('backend', noWebGPU() ?? 'this browser finds no WebGPU adapter (GPU or driver not supported)');
}

/** A device that is being opened, while the model's files download. */
class Opening implements Preparation {
  readonly opened: Promise<Device>;
  readonly symbols: Promise<Readonly<Record<string, number>>>;

  constructor({ options }: Surroundings) {
    const finding = findAdapter(options['powerPreference'] as GPUPowerPreference | undefined);
    this.opened = Promise.all([finding, import('./executor')]).then(([adapter, { openDevice }]) =>
      openDevice(adapter, options),
    );
    this.symbols = this.opened.then(({ workgroups }) => ({ $many: Number(workgroups === 'many') }));
    this.symbols.catch(() => undefined); // whoever waits for it is told
  }

  dispose(): void {
    this.opened.then(
      ({ device }) => device.destroy(),
      () => undefined,
    );
  }
}

const CHOICES = { powerPreference: ['low-power', 'high-performance'], workgroups: ['few', 'many'] };

function open(surroundings: Surroundings): Opening {
  const { options } = surroundings;
  checkBackendOptions('webgpu', options, ...Object.keys(CHOICES));
  for (const [name, values] of Object.entries(CHOICES)) {
    const value = options[name] as string | undefined;
    if (value !== undefined && !values.includes(value)) {
      throw new WebDNNError('option', `webgpu: ${name} must be ${values.join(' or ')}, got '${value}'`);
    }
  }
  return new Opening(surroundings);
}

export const webgpu: Backend = {
  name: 'webgpu',
  memory: 'slots',
  unavailable: () => Promise.resolve(noWebGPU()),
  prepare: open,
  async create(context) {
    const opening = context.prepared as Opening; // `load` has called `prepare`
    const { WebGPUExecutor } = await import('./executor');
    return WebGPUExecutor.create(context, await opening.opened);
  },
};
