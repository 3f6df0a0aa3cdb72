/** All reading: over HTTP, or in Node from paths and file: URLs. What arrives whole and unaltered is returned; nothing else. */

import { WebDNNError, reasonOf } from './errors';
import type { FileRef } from './plan';

/** A shard is read, checked and handed on in chunks of this size: larger ones leave the cache of the processor between these. */
export const CHUNK_BYTES = 2 ** 18;
const DIGEST_BYTES = 32;
const ALTERED = 'truncated, or not the content that the Descriptor names; copy the whole directory again';

/** A shard, and where it is. */
export interface ShardSource {
  readonly url: string;
  readonly file: FileRef;
  /** What the SHA-256 hashes of its chunks, one after another, hash to. */
  readonly chunks: string;
}

/** A shard whose download has begun, or which is a local file. */
export interface OpenShard extends ShardSource {
  readonly signal: AbortSignal | undefined;
  readonly opened: Promise<Response> | undefined;
}

type Take = (chunk: Uint8Array<ArrayBuffer>) => void | Promise<void>;

interface Node {
  readonly versions?: { readonly node?: string };
  readonly getBuiltinModule: typeof process.getBuiltinModule;
}

/** Undefined in a browser. Modules are asked for in this way because a bundler for pages stumbles over their imports. */
const node = (globalThis as { process?: Node }).process;

/** In Node, what is no URL is a path. (One letter before the colon is a Windows drive.) */
const isLocal = (url: string): boolean => !!node?.versions?.node && (url.startsWith('file:') || !/^\w\w+:/.test(url));

async function readLocal(url: string): Promise<Uint8Array<ArrayBuffer>> {
  const { readFile } = node!.getBuiltinModule('node:fs/promises');
  const bytes = await readFile(url.startsWith('file:') ? new URL(url) : url);
  return new Uint8Array(bytes); // a copy: `bytes` may lie in a larger buffer, shared and not aligned
}

/** Missing where the page came over plain http, except from localhost. */
const subtle = (): SubtleCrypto | undefined => globalThis.crypto.subtle;

async function hashOf(content: BufferSource): Promise<Uint8Array | undefined> {
  const hash = await subtle()?.digest('SHA-256', content);
  return hash && new Uint8Array(hash);
}

const integrityOf = (hash: Uint8Array): string => `sha256-${btoa(String.fromCharCode(...hash))}`;

const httpError = (url: string, { status, statusText }: Response): WebDNNError =>
  new WebDNNError('fetch', `${url}: HTTP ${status} ${statusText}`.trim());

/** Without `subtle`, the browser checks: at half the speed, and `integrity` only as a whole. */
async function request(url: string, file: FileRef | undefined, signal: AbortSignal | undefined): Promise<Response> {
  const integrity = file && !subtle() ? { integrity: file.integrity } : undefined;
  const response = await fetch(url, { signal: signal ?? null, ...integrity });
  if (!response.ok) throw httpError(url, response);
  return response;
}

/** A reader that fills memory of ours; undefined where a body is no stream of bytes. */
function byteReader(body: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | undefined {
  try {
    return body.getReader({ mode: 'byob' });
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** Calls `take` with CHUNK_BYTES of what `reader` gives at a time (at last, with what is left), always in the same memory. */
async function streamInChunks(reader: ReadableStreamBYOBReader, take: Take): Promise<void> {
  let buffer = new ArrayBuffer(CHUNK_BYTES);
  for (let filled = 0, done = false; !done;) {
    const read = await reader.read(new Uint8Array(buffer, filled));
    done = read.done;
    if (read.value) {
      buffer = read.value.buffer;
      filled += read.value.length;
    }
    if (filled === CHUNK_BYTES || (done && filled)) {
      await take(new Uint8Array(buffer, 0, filled));
      filled = 0;
    }
  }
}

async function contentInChunks(url: string, opened: Promise<Response> | undefined, take: Take): Promise<void> {
  const response = await opened;
  const reader = response?.body && byteReader(response.body);
  if (reader) {
    await streamInChunks(reader, take);
    return;
  }
  const content = response ? new Uint8Array(await response.arrayBuffer()) : await readLocal(url);
  for (let at = 0; at < content.length; at += CHUNK_BYTES) await take(content.subarray(at, at + CHUNK_BYTES));
}

/** fetch gives one and the same TypeError for a connection cut off, no network and, with `integrity`, a 404 or an altered file: which was it? */
async function explain(url: string, file: FileRef | undefined, error: unknown): Promise<WebDNNError> {
  const response = file && !isLocal(url) ? await fetch(url, { method: 'HEAD' }).catch(() => undefined) : undefined;
  if (!response) return new WebDNNError('fetch', `${url}: ${reasonOf(error)}`, { cause: error });
  if (!response.ok) return httpError(url, response);
  return new WebDNNError('integrity', `${url}: ${ALTERED}`, { cause: error });
}

/** Whatever `work` throws, as an error of ours; an abort rejects with the signal's reason. */
async function explained<T>(
  url: string,
  file: FileRef | undefined,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  try {
    const result = await work();
    signal?.throwIfAborted();
    return result;
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof WebDNNError ? error : await explain(url, file, error);
  }
}

const altered = (what: string): WebDNNError => new WebDNNError('integrity', `${what}: ${ALTERED}`);

/** Opens `url`, unless it is a local file. */
const open = (url: string, file: FileRef, signal: AbortSignal | undefined): Promise<Response> | undefined =>
  isLocal(url) ? undefined : request(url, file, signal);

/** Calls `take` with the chunks of `file`, which are as many bytes as it should have. */
async function readExactly(
  url: string,
  { bytes }: FileRef,
  opened: Promise<Response> | undefined,
  take: (chunk: Uint8Array<ArrayBuffer>, at: number) => void | Promise<void>,
): Promise<void> {
  let at = 0;
  await contentInChunks(url, opened, async (chunk) => {
    if (at + chunk.length > bytes) throw altered(`${url}: more than ${bytes} bytes`);
    await take(chunk, at);
    at += chunk.length;
  });
  if (at < bytes) throw altered(url);
}

/** Reads `url`; `file`, when known, is what the content must be. */
export function read(url: string, file: FileRef | undefined, signal?: AbortSignal): Promise<ArrayBuffer> {
  return explained(url, file, signal, async () => {
    if (!file) return isLocal(url) ? (await readLocal(url)).buffer : (await request(url, file, signal)).arrayBuffer();
    const content = new Uint8Array(file.bytes);
    await readExactly(url, file, open(url, file, signal), (chunk, at) => content.set(chunk, at));
    const hash = await hashOf(content);
    if (hash && integrityOf(hash) !== file.integrity) throw altered(url);
    return content.buffer;
  });
}

export function openShard(source: ShardSource, signal?: AbortSignal): OpenShard {
  const opened = open(source.url, source.file, signal);
  opened?.catch(() => undefined); // whoever reads the shard is told
  return { ...source, signal, opened };
}

/**
 * Calls `take` with every chunk of a shard and its place, in order. A chunk's memory is used again when `take` has returned. Rejects
 * when the whole is not what it should be, but `take` has had it then: it may store numbers, and nothing else.
 */
export function readShard(
  { url, file, chunks, signal, opened }: OpenShard,
  take: (chunk: Uint8Array<ArrayBuffer>, at: number) => void,
): Promise<void> {
  return explained(url, file, signal, async () => {
    const hashes = new Uint8Array(DIGEST_BYTES * Math.ceil(file.bytes / CHUNK_BYTES));
    await readExactly(url, file, opened, async (chunk, at) => {
      const hash = await hashOf(chunk);
      if (hash) hashes.set(hash, DIGEST_BYTES * (at / CHUNK_BYTES));
      take(chunk, at);
    });
    const hash = await hashOf(hashes);
    if (hash && integrityOf(hash) !== chunks) throw altered(url);
  });
}
