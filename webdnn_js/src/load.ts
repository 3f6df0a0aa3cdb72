/** Directory → Runner: read and check the Descriptor, then start the first backend that can. */

import type { Backend, BoundSetup, Executor, Preparation, ShardQueue } from './backend';
import { BACKENDS } from './backends';
import { checkManifest } from './check_manifest';
import { checkPlan } from './check_plan';
import { WebDNNError, callPage, reasonOf, type ErrorCode } from './errors';
import { backendOrder, checkOptions, optionsOf, type LoadOptions } from './options';
import { Reader } from './reader';
import { Runner, type FallThrough } from './runner';
import { bindSetup } from './schedule';
import { DOWNLOADS, loadWeights } from './weights';
import type { FileRef, Manifest, Plan, Shard } from './plan';

/** A fault of the Descriptor or of the page is an error at once; another backend would only hide it. */
const FATAL: readonly ErrorCode[] = ['descriptor', 'version', 'fetch', 'integrity', 'option'];

interface Loading {
  readonly manifest: Manifest;
  readonly reader: Reader;
  readonly shards: Shards;
  readonly options: LoadOptions;
  readonly fallThrough: FallThrough[];
}

const runtimeUrl = (): string => {
  try {
    return new URL('.', import.meta.url).href;
  } catch {
    return ''; // an inlined bundle has no folder
  }
};

interface Shards {
  /** Starts the first downloads. */
  prefetch(): void;
  read(shard: Shard): Promise<ArrayBuffer>;
  /** For an executor that reads them itself. */
  queue(): ShardQueue;
}

/** Reads shards; tells `progressCallback`, which never goes backwards when a second backend starts over. */
function shardsOf(
  { shards }: Manifest,
  reader: Reader,
  { weightDirectory, progressCallback, signal }: LoadOptions,
): Shards {
  const total = shards.reduce((sum, { file }) => sum + file.bytes, 0);
  const seen = new Set<Shard>();
  let loaded = 0;
  const tell = (): void =>
    callPage('progressCallback', () => progressCallback?.(loaded, total, total ? loaded / total : 1));
  tell();
  const report = (shard: Shard): void => {
    if (seen.has(shard)) return;
    seen.add(shard);
    loaded += shard.file.bytes;
    tell();
  };
  const read = async (shard: Shard): Promise<ArrayBuffer> => {
    const buffer = await reader.shard(shard, weightDirectory);
    report(shard);
    return buffer;
  };
  const prefetched = new Map<Shard, Promise<ArrayBuffer>>();
  return {
    prefetch() {
      for (const shard of shards.slice(0, DOWNLOADS)) {
        const reading = prefetched.get(shard) ?? read(shard);
        reading.catch(() => undefined); // whoever reads the file is told
        prefetched.set(shard, reading);
      }
    },
    read(shard) {
      const reading = prefetched.get(shard) ?? read(shard);
      prefetched.delete(shard);
      return reading;
    },
    queue: () => ({
      shards: shards.map((shard) => ({ ...shard, source: reader.source(shard, weightDirectory) })),
      report: (index) => report(shards[index]!),
      signal,
    }),
  };
}

/** Compiles while weights download, writes them, and makes memory if sizes are known. */
async function fill(executor: Executor, runner: Runner, { manifest, shards, options }: Loading): Promise<void> {
  if (executor.readShards) {
    await executor.start();
    await executor.readShards(shards.queue());
  } else {
    const write = executor as Required<Pick<Executor, 'writeWeights'>>;
    await loadWeights(manifest, (shard) => shards.read(shard), write, executor.start());
  }
  await executor.finishWeights();
  if (!Object.keys(manifest.placeholders).length) await runner.bindStatic();
  options.signal?.throwIfAborted();
}

/** The plan and its Setup steps, checked. Weights begin to download meanwhile, unless the backend's own threads will read them. */
async function planOf(
  { name, readsShards }: Backend,
  { manifest, reader, shards }: Loading,
): Promise<{ plan: Plan; setups: BoundSetup[] }> {
  const reading = reader.json(manifest.backends[name]!);
  if (!readsShards) shards.prefetch();
  const plan = checkPlan(await reading, manifest, name);
  return { plan, setups: bindSetup(plan) };
}

async function start(backend: Backend, loading: Loading): Promise<Runner> {
  const { manifest, reader, options, fallThrough } = loading;
  const { name } = backend;
  const reason = await backend.unavailable();
  if (reason !== undefined) throw new WebDNNError('backend', reason);
  const own = { options: optionsOf(name, options), runtimeUrl: runtimeUrl() };
  const prepared = backend.prepare?.(own);
  let owner: Preparation | undefined = prepared;
  try {
    const { plan, setups } = await planOf(backend, loading);
    const fetchFile = (file: FileRef): Promise<ArrayBuffer> => reader.file(file);
    const executor = await backend.create({ ...own, manifest, plan, setups, prepared, fetchFile });
    owner = executor;
    const runner = new Runner({ manifest, plan, backend, executor, fallThrough });
    await fill(executor, runner, loading);
    return runner;
  } catch (error) {
    owner?.dispose();
    throw error;
  }
}

/** The first of `order` that starts. */
async function startFirst(order: readonly Backend['name'][], loading: Loading): Promise<Runner> {
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
      reason = reasonOf(error);
      console.warn(`WebDNN: ${name} cannot run this model: ${reason}`);
    }
    fallThrough.push({ backend: name, reason });
  }
  const reasons = fallThrough.map(({ backend, reason }) => `\n  ${backend}: ${reason}`).join('');
  throw new WebDNNError('backend', `no backend can run '${manifest.name}':${reasons}`);
}

/** Loads the Descriptor in `directory`: a URL or, in Node, also a path. */
export async function load(directory: string, options: LoadOptions = {}): Promise<Runner> {
  if (typeof directory !== 'string') {
    throw new WebDNNError('option', `load: directory must be text, got ${String(directory)}`);
  }
  checkOptions(options);
  const order = backendOrder(options);
  const reader = new Reader(directory, options);
  const manifest = checkManifest(await reader.manifest());
  const shards = shardsOf(manifest, reader, options);
  return startFirst(order, { manifest, reader, shards, options, fallThrough: [] });
}
