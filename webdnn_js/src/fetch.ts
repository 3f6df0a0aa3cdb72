/** All reading: over HTTP, or in Node from paths and file: URLs. What arrives whole and unaltered is returned; nothing else. */

import { unlessAborted } from './abort';
import { WebDNNError, reasonOf } from './errors';
import { transformed, type TransformUrl } from './options';
import { data } from './check';
import type { FileRef } from './plan';

export interface FetchOptions {
  /** Gets the address of every file, gives the one to read instead. */
  readonly transformUrlDelegate?: TransformUrl | undefined;
  readonly signal?: AbortSignal | undefined;
}

const LARGEST_MANIFEST = 2 ** 26;
/** An expression may be 100 deep, in loops that are 8 deep. */
const DEEPEST_JSON = 200;
/** Bytes that one leaf of a file's `tree` is the hash of. Chromium copies what it hashes, and copies of more than 512 KiB take twice the time. */
const LEAF = 2 ** 18;
const ALTERED = 'truncated, or not the content that the Descriptor names; copy the whole directory again';

/** Milliseconds before a file is asked for a second, and a third time. */
const PAUSES = [300, 900];
const LONGEST_PAUSE = 10_000;
/** Answers of a server that may answer otherwise a moment later. */
const PASSING = [429, 502, 503, 504];

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

/** The address of a file in a directory, whose own query (`/model?v=2`) stays at the end. */
export function joinUrl(directory: string, name: string): string {
  const [, path, query = ''] = (isLocal(directory) ? /^(.*)$/s : /^([^?#]*)(\?[^#]*)?/).exec(directory)!;
  return (path && path.replace(/\/*$/, '/')) + name + query;
}

async function readLocal(url: string): Promise<Content> {
  const { readFile } = node!.getBuiltinModule('node:fs/promises');
  try {
    const bytes = await readFile(url.startsWith('file:') ? new URL(url) : url);
    return new Uint8Array(bytes); // a copy: `bytes` may lie in a larger buffer, shared and not aligned
  } catch (error) {
    throw new WebDNNError('fetch', `${url}: ${reasonOf(error)}`, { cause: error });
  }
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

/** Why a try has failed that may go well a moment later, and how many milliseconds the server asks to wait. */
interface Passing {
  readonly failure: WebDNNError;
  readonly wait: number;
}

const passing = (url: string, reason: string, cause: unknown): Passing => ({
  failure: new WebDNNError('fetch', `${url}: ${reason}`, { cause }),
  wait: 0,
});

function refused(url: string, { status, statusText, headers }: Response): Passing {
  const failure = new WebDNNError('fetch', `${url}: HTTP ${status} ${statusText}`.trim());
  if (!PASSING.includes(status)) throw failure;
  return { failure, wait: Math.min(LONGEST_PAUSE, 1000 * (Number(headers.get('Retry-After')) || 0)) };
}

/** What a page can do when an address gives no answer; throws where to ask again is vain. */
function hintFor(url: string, cause: unknown): string {
  const { location } = globalThis as { location?: Location };
  const { protocol, origin } = new URL(url, location?.href);
  if (protocol === 'file:') {
    const remedy = 'serve the folder over http, for example by `python3 -m http.server`, and open it there';
    throw new WebDNNError('fetch', `${url}: a page cannot read files of the computer; ${remedy}`, { cause });
  }
  return location && origin !== location.origin
    ? ' (is the server there, and does it allow other origins, by CORS?)'
    : '';
}

/** With `integrity`, fetch gives one and the same TypeError for no connection, a 404 and an altered file: which was it? */
async function unanswered(url: string, file: FileRef | undefined, error: unknown): Promise<Passing> {
  if (!URL.canParse(url, (globalThis as { location?: Location }).location?.href)) {
    throw new WebDNNError('fetch', `${url}: is not an address`, { cause: error });
  }
  const hint = hintFor(url, error);
  const response = file && !subtle() ? await fetch(url).catch(() => undefined) : undefined;
  if (response && !response.ok) return refused(url, response);
  if (await response?.arrayBuffer().catch(() => undefined)) {
    return { failure: new WebDNNError('integrity', `${url}: ${ALTERED}`, { cause: error }), wait: 0 };
  }
  return passing(url, reasonOf(error) + hint, error);
}

/** A browser checks `integrity` at half the speed of a fast network; `subtle` is faster. Both hold up the calling thread. */
async function tryToRead(
  url: string,
  file: FileRef | undefined,
  signal: AbortSignal | undefined,
  memory: ArrayBuffer | undefined,
): Promise<Content | Passing> {
  const integrity = file && !subtle() ? { integrity: file.integrity } : undefined;
  let response: Response | undefined;
  try {
    response = await fetch(url, { signal: signal ?? null, ...integrity });
    if (!response.ok) return refused(url, response);
    if (!file) return new Uint8Array(await response.arrayBuffer());
    // Memory that an earlier try has filled in part is gone.
    const content = await readBody(
      url,
      response,
      file.bytes,
      memory?.byteLength ? memory : new ArrayBuffer(file.bytes),
    );
    // Some browsers take what has come of a connection that broke off for the whole.
    const declared = Number(response.headers.get('Content-Length'));
    if (content.length >= Math.min(file.bytes, declared)) return content;
    return passing(url, `the connection broke off after ${content.length} of ${declared} bytes`, undefined);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof WebDNNError) throw error;
    return response
      ? passing(url, `the connection broke off: ${reasonOf(error)}`, error)
      : unanswered(url, file, error);
  }
}

/** Asks up to three times. */
async function readRemote(
  url: string,
  file: FileRef | undefined,
  signal: AbortSignal | undefined,
  memory: ArrayBuffer | undefined,
): Promise<Content> {
  for (let turn = 0; ; turn++) {
    const result = await tryToRead(url, file, signal, memory);
    if (result instanceof Uint8Array) return result;
    const pause = PAUSES[turn];
    if (pause === undefined) throw result.failure;
    await unlessAborted(signal, new Promise((resolve) => setTimeout(resolve, Math.max(pause, result.wait))));
  }
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

/**
 * Reads `url`; `file`, when known, is what the content must be, and `memory` where it goes if it comes as a stream: new memory costs
 * more than what is copied into it. An abort rejects with the signal's reason.
 */
export async function read(
  url: string,
  file: FileRef | undefined,
  { transformUrlDelegate, signal }: FetchOptions = {},
  memory?: ArrayBuffer,
): Promise<Content> {
  const address = await transformed(url, transformUrlDelegate);
  signal?.throwIfAborted();
  const content = await (isLocal(address) ? readLocal(address) : readRemote(address, file, signal, memory));
  if (file) await check(address, file, content);
  signal?.throwIfAborted();
  return content;
}

function parseJson(content: Content, url: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content));
  } catch (error) {
    throw new WebDNNError('descriptor', `${url}: not JSON: ${reasonOf(error)}`, { cause: error });
  }
  // Fields that nobody knows are ignored, but go to workers with the rest.
  data(DEEPEST_JSON)(value, url);
  return value;
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
