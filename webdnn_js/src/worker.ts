/** A worker of the webassembly backend: answers the calls of src/webassembly/host.ts, one at a time; after `serve` it is a thread of every run. */

import { WebDNNError, reasonOf } from './errors';
import { version } from './version';
import type { Message, Request } from './webassembly/host';
import type { Results } from './webassembly/machine';
import { answer, Session } from './webassembly/session';

const post = (message: Message, transfer: ArrayBuffer[] = []): void => postMessage(message, { transfer });
const session = new Session((shard) => post({ shard }));

/** The page gets the buffers of a run; copying them would cost a run of a small model. */
function buffersOf(result: unknown): ArrayBuffer[] {
  const { inputs = [], outputs = [] } = (result ?? {}) as Partial<Results>;
  return [...inputs, ...outputs].flatMap(({ buffer }) => (buffer instanceof ArrayBuffer ? [buffer] : []));
}

async function reply(request: Request): Promise<void> {
  // From here on this worker hears no more messages.
  if (request.method === 'serve') {
    session.serve((failure) => post({ failure }));
    return;
  }
  try {
    const result = await answer(session, request.method, request.args);
    post({ result }, buffersOf(result));
  } catch (error) {
    const code = error instanceof WebDNNError ? error.code : 'backend';
    post({ error: { code, message: reasonOf(error) } });
  }
}

onmessage = ({ data }: MessageEvent<Request>) => void reply(data);
post({ ready: version });
