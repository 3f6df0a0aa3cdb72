/** A worker of the webassembly backend: answers the calls of src/webassembly/host.ts, one at a time; after `join` it is a thread of a run. */

import { WebDNNError, reasonOf } from './errors';
import { version } from './version';
import type { Failure, Ready, Request, Response } from './webassembly/host';
import { answer, Session } from './webassembly/session';

const session = new Session();

/** The page gets these buffers; copying them would cost a run of a small model. */
function outputsOf(result: unknown): ArrayBuffer[] {
  const outputs = Array.isArray(result) ? result : (result as { outputs?: unknown } | undefined)?.outputs;
  const arrays = Array.isArray(outputs) ? outputs.filter((one) => one instanceof Float32Array) : [];
  return (arrays as Float32Array<ArrayBuffer>[]).map((output) => output.buffer);
}

async function reply({ method, args }: Request): Promise<void> {
  try {
    const result = await answer(session, method, args);
    postMessage({ result } satisfies Response, { transfer: outputsOf(result) });
    // From here on this worker hears no more messages.
    if (method === 'join') session.serve((failure) => postMessage({ failure } satisfies Failure));
  } catch (error) {
    const code = error instanceof WebDNNError ? error.code : 'backend';
    postMessage({ error: { code, message: reasonOf(error) } } satisfies Response);
  }
}

onmessage = ({ data }: MessageEvent<Request>) => void reply(data);
postMessage({ ready: version } satisfies Ready);
