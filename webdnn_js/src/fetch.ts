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
/** Bytes that one leaf of a file's `tree` is the hash of. Chromium copies what it hashes, and copies of more than 512 KiB take twice the time. */
const LEAF = 2 ** 18;
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

/** All of a buffer, or its beginning. */
export type Content = Uint8Array<ArrayBuffer>;

async function readLocal(url: string): Promise<Content> {
  const { readFile } = node!.getBuiltinModule('node:fs/promises');
  const bytes = await readFile(url.startsWith('file:') ? new URL(url) : url);
  return new Uint8Array(bytes); // a copy: `bytes` may lie in a larger buffer, shared and not aligned
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
async function readBody(url: string, response: Response, bytes: number, memory: ArrayBuffer): Promise<Content> {
  const reader = byteReader(response);
  if (!reader) return new Uint8Array(await response.arrayBuffer());
  let buffer = memory;
  for (let at = 0; at < bytes;) {
    const { done, value } = await reader.read(new Uint8Array(buffer, at, bytes - at));
    if (value) buffer = value.buffer;
    if (done) return new Uint8Array(buffer, 0, at);
    at += value.length;
  }
  const { done } = await reader.read(new Uint8Array(1));
  if (done) return new Uint8Array(buffer, 0, bytes);
  await reader.cancel();
  throw new WebDNNError('integrity', `${url}: more than ${bytes} bytes, ${ALTERED}`);
}

/** A browser checks `integrity` at half the speed of a fast network; `subtle` is faster. Both hold up the calling thread. */
async function readRemote(
  url: string,
  file: FileRef | undefined,
  signal: AbortSignal | undefined,
  memory: ArrayBuffer | undefined,
): Promise<Content> {
  const integrity = file && !subtle() ? { integrity: file.integrity } : undefined;
  const response = await fetch(url, { signal: signal ?? null, ...integrity });
  if (!response.ok) throw httpError(url, response);
  if (!file) return new Uint8Array(await response.arrayBuffer());
  return readBody(url, response, file.bytes, memory ?? new ArrayBuffer(file.bytes));
}

/** The hash of the hashes of every LEAF bytes. */
async function treeHash(hashing: SubtleCrypto, content: Content): Promise<Content> {
  const digest = async (data: Content): Promise<Content> => new Uint8Array(await hashing.digest('SHA-256', data));
  const leaves: Promise<Content>[] = [];
  for (let at = 0; at < content.length; at += LEAF) leaves.push(digest(content.subarray(at, at + LEAF)));
  const hashes = await Promise.all(leaves);
  return digest(new Uint8Array(hashes.flatMap((hash) => [...hash])));
}

/** Refuses content that is not that of `file`; without `subtle`, fetch has done so. */
async function check(url: string, file: FileRef, content: Content): Promise<void> {
  const hashing = subtle();
  if (hashing) {
    const tree = btoa(String.fromCharCode(...(await treeHash(hashing, content))));
    if (`sha256-${tree}` !== file.tree) throw new WebDNNError('integrity', `${url}: ${ALTERED}`);
  }
  if (content.length !== file.bytes) {
    throw new WebDNNError('integrity', `${url}: got ${content.length} bytes, want ${file.bytes}`);
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

/**
 * Reads `url`; `file`, when known, is what the content must be, and `memory` where it goes if it comes as a stream: new memory costs
 * more than what is copied into it. An abort rejects with the signal's reason.
 */
export async function read(
  url: string,
  file: FileRef | undefined,
  options: FetchOptions = {},
  memory?: ArrayBuffer,
): Promise<Content> {
  const { transformUrlDelegate, signal } = options;
  const address = transformUrlDelegate
    ? callPage('transformUrlDelegate', () => String(transformUrlDelegate(url)))
    : url;
  signal?.throwIfAborted();
  try {
    const content = await (isLocal(address) ? readLocal(address) : readRemote(address, file, signal, memory));
    if (file) await check(address, file, content);
    signal?.throwIfAborted();
    return content;
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof WebDNNError ? error : await explain(address, file, error);
  }
}

function parseJson(content: Content, url: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content));
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
    const content = await read(url, undefined, this.#options);
    if (content.length > LARGEST_MANIFEST) throw new WebDNNError('descriptor', `${url}: larger than 64 MiB`);
    return parseJson(content, url);
  }

  /** `memory`: room for it, of at least its length. */
  file(file: FileRef, directory = this.#directory, memory?: ArrayBuffer): Promise<Content> {
    return read(joinUrl(directory, file.name), file, this.#options, memory);
  }

  async json(file: FileRef): Promise<unknown> {
    return parseJson(await this.file(file), file.name);
  }
}
