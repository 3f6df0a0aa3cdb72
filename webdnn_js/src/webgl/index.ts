/** WebGL 2: every tensor a texture, every step a fragment shader. */

import type { Backend } from '../backend';
import { contexts, reasonAgainst } from './context';

export const webgl: Backend = {
  name: 'webgl',
  memory: 'slots',
  unavailable: () => Promise.resolve(reasonAgainst()),
  create: async (context) => (await import('./executor')).WebGLExecutor.create(context, contexts),
};
