/** Reads the files of one Descriptor. */

import { WebDNNError, callPage, reasonOf } from './errors';
import { openShard, read, readShard, type ShardSource } from './fetch';
import type { FileRef, Shard } from './plan';

export interface ReaderOptions {
  /** Gets the address of every file, gives the one to read instead. */
  readonly transformUrlDelegate?: ((url: string) => string) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const LARGEST_MANIFEST = 2 ** 26;

export const joinUrl = (directory: string, name: string): string => directory.replace(/\/*$/, '/') + name;

/** A worker would take an address relative to its own. In Node, where there is neither, it may be a path. */
function absolute(address: string): string {
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  return base !== undefined && URL.canParse(address, base) ? new URL(address, base).href : address;
}

function parseJson(buffer: ArrayBuffer, url: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(buffer));
  } catch (error) {
    throw new WebDNNError('descriptor', `${url}: not JSON: ${reasonOf(error)}`, { cause: error });
  }
}

export class Reader {
  readonly #directory: string;
  readonly #options: ReaderOptions;

  constructor(directory: string, options: ReaderOptions) {
    this.#directory = directory;
    this.#options = options;
  }

  #address(name: string, directory = this.#directory): string {
    const { transformUrlDelegate } = this.#options;
    const url = joinUrl(directory, name);
    return transformUrlDelegate ? callPage('transformUrlDelegate', () => String(transformUrlDelegate(url))) : url;
  }

  /** The one file without integrity: whoever wants it checked serves it from their own host. */
  async manifest(): Promise<unknown> {
    const url = this.#address('descriptor.json');
    const buffer = await read(url, undefined, this.#options.signal);
    if (buffer.byteLength > LARGEST_MANIFEST) throw new WebDNNError('descriptor', `${url}: larger than 64 MiB`);
    return parseJson(buffer, url);
  }

  async file(file: FileRef): Promise<ArrayBuffer> {
    return read(this.#address(file.name), file, this.#options.signal);
  }

  async json(file: FileRef): Promise<unknown> {
    return parseJson(await this.file(file), file.name);
  }

  /** `directory`: where the weights are, if not with the rest. */
  source({ file, chunks }: Shard, directory?: string): ShardSource {
    return { url: absolute(this.#address(file.name, directory)), file, chunks };
  }

  /** All of a shard. */
  async shard(shard: Shard, directory?: string): Promise<ArrayBuffer> {
    const content = new Uint8Array(shard.file.bytes);
    const opened = openShard(this.source(shard, directory), this.#options.signal);
    await readShard(opened, (chunk, at) => content.set(chunk, at));
    return content.buffer;
  }
}
