/** A worker of the webassembly backend: answers the calls of src/webassembly/host.ts, one at a time; after `join` it is a thread of a run. */

import { WebDNNError, reasonOf } from './errors';
import { version } from './version';
import type { Failure, Ready, Request, Response } from './webassembly/host';
import type { Results } from './webassembly/machine';
import { answer, Session } from './webassembly/session';

const session = new Session();

/** The page gets the memory of a shard back, and the buffers of a run's results; copying them would cost a run of a small model. */
function buffersOf(result: unknown): ArrayBuffer[] {
  if (result instanceof ArrayBuffer) return [result];
  const { inputs = [], outputs = [] } = (result ?? {}) as Partial<Results>;
  return [...inputs, ...outputs].map(({ buffer }) => buffer as ArrayBuffer);
}

async function reply({ method, args }: Request): Promise<void> {
  try {
    const result = await answer(session, method, args);
    postMessage({ result } satisfies Response, { transfer: buffersOf(result) });
    // From here on this worker hears no more messages.
    if (method === 'join') session.serve((failure) => postMessage({ failure } satisfies Failure));
  } catch (error) {
    const code = error instanceof WebDNNError ? error.code : 'backend';
    postMessage({ error: { code, message: reasonOf(error) } } satisfies Response);
  }
}

onmessage = ({ data }: MessageEvent<Request>) => void reply(data);
postMessage({ ready: version } satisfies Ready);
