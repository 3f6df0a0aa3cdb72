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
const ALTERED = 'not the content that the Descriptor names; copy the whole directory again';

export const joinUrl = (directory: string, name: string): string => directory.replace(/\/*$/, '/') + name;

interface Node {
  readonly versions?: { readonly node?: string };
  readonly getBuiltinModule: typeof process.getBuiltinModule;
}

/** Undefined in a browser. Modules are asked for in this way because a bundler for pages stumbles over their imports. */
const node = (globalThis as { process?: Node }).process;

/** In Node, what is no URL is a path. (One letter before the colon is a Windows drive.) */
const isLocal = (url: string): boolean => !!node?.versions?.node && (url.startsWith('file:') || !/^\w\w+:/.test(url));

async function readLocal(url: string, file: FileRef | undefined): Promise<ArrayBuffer> {
  const { readFile } = node!.getBuiltinModule('node:fs/promises');
  const { createHash } = node!.getBuiltinModule('node:crypto');
  const bytes = await readFile(url.startsWith('file:') ? new URL(url) : url);
  const integrity = `sha384-${createHash('sha384').update(bytes).digest('base64')}`;
  if (file && bytes.length === file.bytes && integrity !== file.integrity) {
    throw new WebDNNError('integrity', `${url}: ${ALTERED}`);
  }
  return new Uint8Array(bytes).buffer; // a copy: `bytes` may lie in a larger buffer, shared and not aligned
}

async function readRemote(
  url: string,
  file: FileRef | undefined,
  signal: AbortSignal | undefined,
): Promise<ArrayBuffer> {
  const response = await fetch(url, { signal: signal ?? null, ...(file && { integrity: file.integrity }) });
  if (!response.ok) throw httpError(url, response);
  return response.arrayBuffer();
}

const httpError = (url: string, { status, statusText }: Response): WebDNNError =>
  new WebDNNError('fetch', `${url}: HTTP ${status} ${statusText}`.trim());

/** With `integrity`, fetch gives one and the same TypeError for a 404, an altered file and no network: which was it? */
async function explain(url: string, file: FileRef | undefined, error: unknown): Promise<WebDNNError> {
  const response = file && !isLocal(url) ? await fetch(url, { method: 'HEAD' }).catch(() => undefined) : undefined;
  if (!response) return new WebDNNError('fetch', `${url}: ${reasonOf(error)}`, { cause: error });
  if (!response.ok) return httpError(url, response);
  return new WebDNNError('integrity', `${url}: truncated, or ${ALTERED}`, { cause: error });
}

/** Reads `url`; `file`, when known, is what the content must be. An abort rejects with the signal's reason. */
export async function read(url: string, file: FileRef | undefined, options: FetchOptions = {}): Promise<ArrayBuffer> {
  const { transformUrlDelegate, signal } = options;
  const address = transformUrlDelegate
    ? callPage('transformUrlDelegate', () => String(transformUrlDelegate(url)))
    : url;
  signal?.throwIfAborted();
  let buffer: ArrayBuffer;
  try {
    buffer = await (isLocal(address) ? readLocal(address, file) : readRemote(address, file, signal));
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof WebDNNError ? error : await explain(address, file, error);
  }
  signal?.throwIfAborted();
  if (file && buffer.byteLength !== file.bytes) {
    throw new WebDNNError('integrity', `${address}: got ${buffer.byteLength} bytes, want ${file.bytes}`);
  }
  return buffer;
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
