/** All reading: over HTTP, or in Node from paths and file: URLs. What arrives whole and unaltered is returned; nothing else. */

import { WebDNNError, reasonOf } from './errors';
import { callPage } from './options';
import type { FileRef } from './plan';

export interface FetchOptions {
  /** Gets the address of every file, gives the one to read instead. */
  readonly transformUrlDelegate?: ((url: string) => string) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const LARGEST_MANIFEST = 2 ** 26;
const ALTERED = 'truncated, or not the content that the Descriptor names; copy the whole directory again';

export const joinUrl = (directory: string, name: string): string => directory.replace(/\/*$/, '/') + name;

interface Node {
  readonly versions?: { readonly node?: string };
  readonly getBuiltinModule: typeof process.getBuiltinModule;
}

/** Undefined in a browser. Modules are asked for in this way because a bundler for pages stumbles over their imports. */
const node = (globalThis as { process?: Node }).process;

/** In Node, what is no URL is a path. (One letter before the colon is a Windows drive.) */
const isLocal = (url: string): boolean => !!node?.versions?.node && (url.startsWith('file:') || !/^\w\w+:/.test(url));

async function readLocal(url: string): Promise<ArrayBuffer> {
  const { readFile } = node!.getBuiltinModule('node:fs/promises');
  const bytes = await readFile(url.startsWith('file:') ? new URL(url) : url);
  return new Uint8Array(bytes).buffer; // a copy: `bytes` may lie in a larger buffer, shared and not aligned
}

/** Missing where the page came over plain http, except from localhost. */
const subtle = (): SubtleCrypto | undefined => globalThis.crypto.subtle;

/** A reader that fills memory of ours; undefined where a body is no stream of bytes. */
function byteReader({ body }: Response): ReadableStreamBYOBReader | undefined {
  try {
    return body?.getReader({ mode: 'byob' });
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** The body of `response`, `bytes` long: `arrayBuffer` would not know its length, and grow memory and copy over and over. */
async function readBody(url: string, response: Response, bytes: number): Promise<ArrayBuffer> {
  const reader = byteReader(response);
  if (!reader) return response.arrayBuffer();
  let buffer = new ArrayBuffer(bytes);
  for (let at = 0; at < bytes;) {
    const { done, value } = await reader.read(new Uint8Array(buffer, at));
    if (value) buffer = value.buffer;
    if (done) return buffer.slice(0, at);
    at += value.length;
  }
  const { done } = await reader.read(new Uint8Array(1));
  if (done) return buffer;
  await reader.cancel();
  throw new WebDNNError('integrity', `${url}: more than ${bytes} bytes, ${ALTERED}`);
}

/** A browser checks `integrity` at half the speed of a fast network; `subtle` is faster. Both hold up the calling thread. */
async function readRemote(
  url: string,
  file: FileRef | undefined,
  signal: AbortSignal | undefined,
): Promise<ArrayBuffer> {
  const integrity = file && !subtle() ? { integrity: file.integrity } : undefined;
  const response = await fetch(url, { signal: signal ?? null, ...integrity });
  if (!response.ok) throw httpError(url, response);
  return file ? readBody(url, response, file.bytes) : response.arrayBuffer();
}

/** Refuses content that is not that of `file`; without `subtle`, fetch has done so. */
async function check(url: string, file: FileRef, content: ArrayBuffer): Promise<void> {
  const hash = await subtle()?.digest('SHA-256', content);
  if (hash) {
    const digits = btoa(String.fromCharCode(...new Uint8Array(hash)));
    if (`sha256-${digits}` !== file.integrity) {
      throw new WebDNNError('integrity', `${url}: ${ALTERED}`);
    }
  }
  if (content.byteLength !== file.bytes) {
    throw new WebDNNError('integrity', `${url}: got ${content.byteLength} bytes, want ${file.bytes}`);
  }
}

const httpError = (url: string, { status, statusText }: Response): WebDNNError =>
  new WebDNNError('fetch', `${url}: HTTP ${status} ${statusText}`.trim());

/** fetch gives one and the same TypeError for a connection cut off, no network and, with `integrity`, a 404 or an altered file: which was it? */
async function explain(url: string, file: FileRef | undefined, error: unknown): Promise<WebDNNError> {
  const response = file && !isLocal(url) ? await fetch(url, { method: 'HEAD' }).catch(() => undefined) : undefined;
  if (!response) return new WebDNNError('fetch', `${url}: ${reasonOf(error)}`, { cause: error });
  if (!response.ok) return httpError(url, response);
  return new WebDNNError('integrity', `${url}: ${ALTERED}`, { cause: error });
}

/** Reads `url`; `file`, when known, is what the content must be. An abort rejects with the signal's reason. */
export async function read(url: string, file: FileRef | undefined, options: FetchOptions = {}): Promise<ArrayBuffer> {
  const { transformUrlDelegate, signal } = options;
  const address = transformUrlDelegate
    ? callPage('transformUrlDelegate', () => String(transformUrlDelegate(url)))
    : url;
  signal?.throwIfAborted();
  try {
    const content = await (isLocal(address) ? readLocal(address) : readRemote(address, file, signal));
    if (file) await check(address, file, content);
    signal?.throwIfAborted();
    return content;
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof WebDNNError ? error : await explain(address, file, error);
  }
}

function parseJson(buffer: ArrayBuffer, url: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(buffer));
  } catch (error) {
    throw new WebDNNError('descriptor', `${url}: not JSON: ${reasonOf(error)}`, { cause: error });
  }
}

/** Reads the files of one Descriptor. */
export class Reader {
  readonly #directory: string;
  readonly #options: FetchOptions;

  constructor(directory: string, options: FetchOptions) {
    this.#directory = directory;
    this.#options = options;
  }

  /** The one file without integrity: whoever wants it checked serves it from their own host. */
  async manifest(): Promise<unknown> {
    const url = joinUrl(this.#directory, 'descriptor.json');
    const buffer = await read(url, undefined, this.#options);
    if (buffer.byteLength > LARGEST_MANIFEST) throw new WebDNNError('descriptor', `${url}: larger than 64 MiB`);
    return parseJson(buffer, url);
  }

  file(file: FileRef, directory = this.#directory): Promise<ArrayBuffer> {
    return read(joinUrl(directory, file.name), file, this.#options);
  }

  async json(file: FileRef): Promise<unknown> {
    return parseJson(await this.file(file), file.name);
  }
}
