/** Plain TypeScript: runs wherever JavaScript does. */

import type { Backend } from '../backend';

export const fallback: Backend = {
  name: 'fallback',
  memory: 'arena',
  unavailable: () => Promise.resolve(undefined),
  create: async (context) => new (await import('./executor')).FallbackExecutor(context),
};
