/** The worker of the webassembly backend: answers the page's calls; after `join` it is a thread of a run. */

import { serve } from './session';
import type { Failure } from './webassembly/host';
import { MachineSession } from './webassembly/session';

const session = new MachineSession();

serve(session, (method) => {
  // From here on this worker hears no more messages.
  if (method === 'join') session.work((failure) => postMessage({ failure } satisfies Failure));
});
