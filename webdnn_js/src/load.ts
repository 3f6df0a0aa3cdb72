/** Directory → Runner: read and check the Descriptor, then start the first backend that can. */

import { unlessAborted } from './abort';
import type { Backend, BackendContext, FetchFile, Preparation, Schedule } from './backend';
import { BACKENDS } from './backends';
import { checkManifest } from './check_manifest';
import { checkPlan } from './check_plan';
import { WebDNNError, reasonOf, withoutName, type ErrorCode } from './errors';
import { Reader, type Content } from './fetch';
import { backendOrder, callPage, checkOptions, optionsOf, type LoadOptions } from './options';
import { unsetPlaceholders } from './placeholders';
import { Runner, type FallThrough } from './runner';
import { bindPlan, bindSetup } from './schedule';
import { DOWNLOADS, loadWeights, type ShardSource } from './weights';
import type { BackendName, FileRef, Manifest } from './plan';

/** A fault of the Descriptor or of the page is an error at once; another backend would only hide it. */
const FATAL: readonly ErrorCode[] = ['descriptor', 'version', 'fetch', 'integrity', 'option'];

interface Loading {
  readonly manifest: Manifest;
  readonly reader: Reader;
  readonly shards: ShardReader;
  readonly options: LoadOptions;
  /** What backends have begun that were not tried yet. */
  readonly prepared: Map<BackendName, Preparation>;
  readonly fallThrough: FallThrough[];
}

interface ShardReader extends ShardSource {
  /** Starts the first downloads. */
  prefetch(): void;
}

/** Reads shards; tells `progressCallback`, which never goes backwards when a second backend starts over. */
function shardReader(
  manifest: Manifest,
  reader: Reader,
  { weightDirectory, progressCallback }: LoadOptions,
): ShardReader {
  const sizes = manifest.shards.map(({ file }) => file.bytes);
  const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
  const largest = Math.max(...sizes);
  const spare: ArrayBuffer[] = [];
  const seen = new Set<FileRef>();
  let loaded = 0;
  const report = (): void =>
    callPage('progressCallback', () => progressCallback?.(loaded, total, total ? loaded / total : 1));
  report();
  const read = async (file: FileRef): Promise<Content> => {
    const content = await reader.file(file, weightDirectory, spare.pop() ?? new ArrayBuffer(largest));
    if (!seen.has(file)) {
      seen.add(file);
      loaded += file.bytes;
      report();
    }
    return content;
  };
  const prefetched = new Map<FileRef, Promise<Content>>();
  return {
    prefetch() {
      for (const { file } of manifest.shards.slice(0, DOWNLOADS)) {
        const reading = prefetched.get(file) ?? read(file);
        reading.catch(() => undefined); // whoever reads the file is told
        prefetched.set(file, reading);
      }
    },
    read(file) {
      const reading = prefetched.get(file) ?? read(file);
      prefetched.delete(file);
      return reading;
    },
    reuse(memory) {
      if (memory.byteLength >= largest) spare.push(memory);
    },
  };
}

/** Begins to read all that `backend` needs, and checks its plan. */
async function contextOf(
  backend: Backend,
  { manifest, reader, shards, options }: Loading,
  prepared: Preparation | undefined,
): Promise<BackendContext> {
  const { name } = backend;
  const fetchFile: FetchFile = (file) => reader.file(file);
  const { plan: file, kernels = {} } = manifest.backends[name]!;
  prepared?.fetch?.(kernels, fetchFile);
  const reading = reader.json(file);
  shards.prefetch();
  const plan = checkPlan(await reading, manifest, name);
  const symbols = await prepared?.symbols;
  const isStatic = !unsetPlaceholders(manifest, {}).length;
  const schedule = isStatic ? bindPlan(manifest, plan, {}, backend.memory, symbols) : undefined;
  const setups = bindSetup(plan);
  return { options: optionsOf(name, options), manifest, plan, setups, symbols, schedule, prepared, fetchFile };
}

/** Compiles while weights download, writes them, and sizes what has one size only. */
async function fill(
  creating: Promise<Runner>,
  { manifest, shards }: Loading,
  schedule: Schedule | undefined,
): Promise<Runner> {
  await loadWeights(manifest, shards, creating);
  const runner = await creating;
  await runner.finishWeights();
  await runner.settle(schedule);
  return runner;
}

async function start(backend: Backend, loading: Loading): Promise<Runner> {
  const { manifest, options, prepared, fallThrough } = loading;
  const { signal } = options;
  const { name } = backend;
  const reason = await unlessAborted(signal, backend.unavailable());
  if (reason !== undefined) throw new WebDNNError('backend', reason);
  const preparation = prepared.get(name) ?? backend.prepare?.({ options: optionsOf(name, options) });
  prepared.delete(name);
  let owner: { dispose(): void } | undefined = preparation;
  let creating: Promise<Runner> | undefined;
  try {
    const context = await unlessAborted(signal, contextOf(backend, loading, preparation));
    const { plan, schedule, symbols } = context;
    creating = backend.create(context).then((executor) => {
      const runner = new Runner({ manifest, plan, backend, symbols, executor, fallThrough });
      owner = runner;
      return runner;
    });
    return await unlessAborted(signal, fill(creating, loading, schedule));
  } catch (error) {
    owner?.dispose();
    void creating?.then((late) => late.dispose()).catch(() => undefined);
    throw error;
  }
}

/** The first of `order` that starts. */
async function startFirst(order: readonly BackendName[], loading: Loading): Promise<Runner> {
  const { manifest, options, fallThrough } = loading;
  for (const name of order) {
    const backend = BACKENDS[name];
    let reason = 'the Descriptor has no plan for it';
    try {
      if (manifest.backends[name]) {
        if (backend) return await start(backend, loading);
        reason = 'this build of the runtime does not contain it';
      }
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof WebDNNError && FATAL.includes(error.code)) throw error;
      reason = withoutName(name, reasonOf(error));
      console.warn(`WebDNN: ${name} cannot run this model: ${reason}`);
    }
    fallThrough.push({ backend: name, reason });
  }
  const reasons = fallThrough.map(({ backend, reason }) => `\n  ${backend}: ${reason}`).join('');
  throw new WebDNNError('backend', `no backend can run '${manifest.name}':${reasons}`);
}

/** Lets the backend that is tried first begin: all that is known is that this browser may have it. */
function prepareFirst([first]: readonly BackendName[], options: LoadOptions): Map<BackendName, Preparation> {
  const preparation = first && BACKENDS[first]?.prepare?.({ options: optionsOf(first, options) });
  return new Map(preparation ? [[first, preparation]] : []);
}

async function loadFrom(directory: string, options: LoadOptions): Promise<Runner> {
  const order = backendOrder(options);
  options.signal?.throwIfAborted();
  const prepared = prepareFirst(order, options);
  try {
    const reader = new Reader(directory, options);
    const manifest = checkManifest(await unlessAborted(options.signal, reader.manifest()));
    const shards = shardReader(manifest, reader, options);
    return await startFirst(order, { manifest, reader, shards, options, prepared, fallThrough: [] });
  } finally {
    for (const preparation of prepared.values()) preparation.dispose();
  }
}

/** The directory as text. */
function checkDirectory(directory: unknown): string {
  const text = directory instanceof URL ? directory.href : directory;
  if (typeof text !== 'string') {
    throw new WebDNNError('option', `load: directory must be text or a URL, got ${String(directory)}`);
  }
  if (!text.trim()) throw new WebDNNError('option', "load: directory is empty; the page's own folder is '.'");
  return text;
}

/** Loads the Descriptor in `directory`: a URL or, in Node, also a path. */
export async function load(directory: string | URL, options: LoadOptions = {}): Promise<Runner> {
  const folder = checkDirectory(directory);
  const checked = checkOptions(options);
  try {
    return await loadFrom(folder, checked);
  } catch (error) {
    checked.signal?.throwIfAborted();
    if (error instanceof WebDNNError) throw error;
    throw new WebDNNError('backend', `load: ${reasonOf(error)}`, { cause: error });
  }
}
