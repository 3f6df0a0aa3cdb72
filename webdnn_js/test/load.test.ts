import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BACKENDS } from '../src/backends';
import { load } from '../src/load';
import type { LoadOptions } from '../src/options';
import type { BackendName } from '../src/plan';
import { fakeBackend, manifestOf, planOf, writeDescriptor, type FakeBackend, type Script } from './fixture';

const ALL: readonly BackendName[] = ['webgpu', 'webgl', 'webassembly', 'fallback'];

function install(name: BackendName, script: Script = {}): FakeBackend {
  const backend = fakeBackend(name, script);
  BACKENDS[name] = backend;
  return backend;
}

const fail = (message: string) => (): never => {
  throw new Error(message);
};

let folder: string;
beforeEach(() => {
  for (const name of ALL) delete BACKENDS[name];
  folder = writeDescriptor(manifestOf(), planOf(), ALL);
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
});
afterEach(() => {
  fs.rmSync(folder, { recursive: true });
  vi.restoreAllMocks();
});

const spoil = (name: string, change: (data: Buffer) => Buffer): void => {
  const file = path.join(folder, name);
  fs.writeFileSync(file, change(fs.readFileSync(file)));
};

describe('load', () => {
  it('gives every piece of every weight to the executor, then binds', async () => {
    const fallback = install('fallback');
    const runner = await load(folder);
    const executor = fallback.executors[0]!;
    expect([...executor.weights].sort((a, b) => a[0] - b[0] || a[1] - b[1])).toEqual([
      [0, 0, [0, 1, 2, 3, 4, 5]],
      [0, 2, [6, 7, 8, 9, 10, 11]],
      [1, 0, [12, 13, 14]],
    ]);
    expect(executor.calls).toEqual(['create', 'writeWeights', 'writeWeights', 'finishWeights', 'bind']);
    expect(runner.backendName).toBe('fallback');
    expect(runner.info).toMatchObject({ model: 'tiny', variant: 'fake', backend: 'fallback' });
  });

  it('lets a backend begin before there is a plan, and ends that when no executor comes to own it', async () => {
    const webgpu = install('webgpu', { create: fail('no room') });
    const dispose = vi.fn();
    const fetch = vi.fn();
    const prepare = vi.fn(() => ({ fetch, dispose }));
    webgpu.prepare = prepare;
    await expect(load(folder)).rejects.toThrow('no room');
    expect(prepare).toHaveBeenCalledWith({ options: {} });
    expect(fetch).toHaveBeenCalledWith({}, expect.any(Function));
    expect(dispose).toHaveBeenCalledOnce();

    const webgl = install('webgl', { bind: fail('too large') });
    webgl.prepare = prepare;
    await expect(load(folder, { backendOrder: 'webgl' })).rejects.toThrow('too large');
    expect(webgl.executors[0]!.calls.at(-1)).toBe('dispose');
    expect(dispose).toHaveBeenCalledOnce();

    spoil('plan.webgpu.0.json', (data) => data.subarray(1));
    await expect(load(folder)).rejects.toMatchObject({ code: 'integrity' });
    expect(prepare).toHaveBeenCalledTimes(3);
    expect(dispose).toHaveBeenCalledTimes(2);
  });

  it('lets the first backend begin before there is a manifest, the others in their turn', async () => {
    const disposed: string[] = [];
    const prepared: string[] = [];
    const prepare = (name: string) => () => {
      prepared.push(name);
      return { dispose: () => disposed.push(name) };
    };
    install('webgpu', { unavailable: () => 'no adapter' }).prepare = prepare('webgpu');
    install('webgl').prepare = prepare('webgl');
    await load(folder);
    expect(prepared).toEqual(['webgpu', 'webgl']);
    expect(disposed).toEqual(['webgpu']);

    fs.rmSync(path.join(folder, 'descriptor.json'));
    await expect(load(folder)).rejects.toMatchObject({ code: 'fetch' });
    expect(prepared).toEqual(['webgpu', 'webgl', 'webgpu']);
    expect(disposed).toEqual(['webgpu', 'webgpu']);
  });

  it('reads file: URLs, with or without a slash at the end', async () => {
    install('fallback');
    await load(pathToFileURL(folder).href);
    await load(pathToFileURL(folder).href + '/');
  });

  it('tries backends in order and keeps the reasons', async () => {
    install('webgpu', { unavailable: () => 'no adapter' });
    const webgl = install('webgl', { create: fail('shader does not compile') });
    const webassembly = install('webassembly', { writeWeights: fail('out of memory') });
    install('fallback');
    const runner = await load(folder);
    expect(runner.info.fallThrough).toEqual([
      { backend: 'webgpu', reason: 'no adapter' },
      { backend: 'webgl', reason: 'shader does not compile' },
      { backend: 'webassembly', reason: 'out of memory' },
    ]);
    expect(console.warn).toHaveBeenCalledTimes(3);
    expect(webgl.executors[0]!.calls).toEqual(['create']);
    expect(webassembly.executors[0]!.calls.at(-1)).toBe('dispose');
    expect(webassembly.executors[0]!.calls.filter((call) => call === 'writeWeights')).toHaveLength(1);
  });

  it('lists all reasons when nothing works', async () => {
    install('webgl', { bind: fail('too large') });
    await expect(load(folder, { backendOrder: ['webgl', 'webmetal'] })).rejects.toThrow(
      "no backend can run 'tiny':\n  webgl: too large\n  webgpu: this build of the runtime does not contain it",
    );
  });

  it('takes webmetal for webgpu, in the order and in the options', async () => {
    const webgpu = install('webgpu');
    install('fallback');
    const options = { backendOrder: 'webmetal', backendOptions: { webmetal: { a: 1 } }, workerUrl: 'w.js' };
    expect((await load(folder, options)).backendName).toBe('webgpu');
    expect(webgpu.executors[0]!.context.options).toEqual({ a: 1, workerUrl: 'w.js' });
  });

  it.each<[name: string, code: string, act: () => void]>([
    ['a missing descriptor', 'fetch', () => fs.rmSync(path.join(folder, 'descriptor.json'))],
    ['a missing plan', 'fetch', () => fs.rmSync(path.join(folder, 'plan.webgl.0.json'))],
    ['a missing shard', 'fetch', () => fs.rmSync(path.join(folder, 'weights.1.b.bin'))],
    ['a truncated shard', 'integrity', () => spoil('weights.1.b.bin', (data) => data.subarray(4))],
    ['an altered shard', 'integrity', () => spoil('weights.0.a.bin', (data) => data.fill(1, 3, 4))],
    ['an altered plan', 'integrity', () => spoil('plan.webgl.0.json', (data) => data.fill(32, 3, 4))],
    ['no JSON', 'descriptor', () => spoil('descriptor.json', () => Buffer.from('<!doctype html>'))],
    ['no UTF-8', 'descriptor', () => spoil('descriptor.json', () => Buffer.from([255]))],
    ['deep JSON', 'descriptor', () => spoil('descriptor.json', () => Buffer.from('['.repeat(1e6) + ']'.repeat(1e6)))],
  ])('%s rejects, without a fall-through', async (_, code, act) => {
    const webgl = install('webgl');
    const fallback = install('fallback');
    act();
    await expect(load(folder)).rejects.toMatchObject({ name: 'WebDNNError', code });
    for (const executor of webgl.executors) expect(executor.calls.at(-1)).toBe('dispose');
    expect(fallback.executors).toHaveLength(0);
  });

  it('rejects faults of the page', async () => {
    install('fallback');
    const wrong: unknown[] = [
      null,
      'fallback',
      { backendOrder: [] },
      { bakendOrder: 'webgl' },
      { backendOrder: 'webgl2' },
      { backendOrder: [1] },
      { backendOptions: [] },
      { backendOptions: { webgl2: {} } },
      { backendOptions: { webgl: 1 } },
      { progressCallback: 1 },
      { signal: {} },
      { cacheStrategy: 'latest' },
      { saveCache: true },
      { progressCallback: fail('oops') },
      { transformUrlDelegate: fail('oops') },
    ];
    for (const options of wrong) {
      await expect(load(folder, options as LoadOptions)).rejects.toMatchObject({ code: 'option' });
    }
    for (const directory of [undefined, null, 7, {}]) {
      await expect(load(directory as string)).rejects.toMatchObject({ code: 'option' });
    }
  });

  it('asks transformUrlDelegate for every file, and takes weights from weightDirectory', async () => {
    install('fallback');
    const weightDirectory = fs.mkdtempSync(folder);
    for (const name of ['weights.0.a.bin', 'weights.1.b.bin']) {
      fs.renameSync(path.join(folder, name), path.join(weightDirectory, name));
    }
    const urls: string[] = [];
    const transformUrlDelegate = (url: string): string => {
      urls.push(url);
      return url.replace('@', folder);
    };
    await load('@', { weightDirectory, transformUrlDelegate });
    expect(urls.map((url) => url.replace(weightDirectory, 'W'))).toEqual([
      '@/descriptor.json',
      '@/plan.fallback.0.json',
      'W/weights.0.a.bin',
      'W/weights.1.b.bin',
    ]);
    fs.rmSync(weightDirectory, { recursive: true });
  });

  it('reports progress that never goes backwards', async () => {
    install('webgl', { finishWeights: fail('no') });
    install('fallback');
    const progress: number[][] = [];
    await load(folder, { progressCallback: (...args) => progress.push(args) });
    expect(progress[0]).toEqual([0, 60, 0]);
    expect(progress.at(-1)).toEqual([60, 60, 1]);
    expect(progress).toHaveLength(3);
  });

  it.each(['create', 'writeWeights', 'finishWeights', 'bind'] as const)(
    'aborts during %s and disposes',
    async (name) => {
      const controller = new AbortController();
      const webgl = install('webgl', { [name]: () => controller.abort(new Error('enough')) });
      const fallback = install('fallback');
      await expect(load(folder, { signal: controller.signal })).rejects.toThrow('enough');
      await vi.waitFor(() => expect(webgl.executors[0]!.calls.at(-1)).toBe('dispose'));
      expect(fallback.executors).toHaveLength(0);
    },
  );

  it.each(['unavailable', 'create', 'writeWeights', 'finishWeights', 'bind'] as const)(
    'C7: ends at once when %s never does',
    async (name) => {
      const controller = new AbortController();
      const webgl = install('webgl', { [name]: () => new Promise(() => undefined) });
      const dispose = vi.fn();
      webgl.prepare = () => ({ dispose });
      const fallback = install('fallback');
      const loading = load(folder, { signal: controller.signal });
      loading.catch(() => undefined);
      if (name === 'unavailable') await new Promise((resolve) => setTimeout(resolve, 50));
      else await vi.waitFor(() => expect(webgl.executors[0]?.calls.at(-1)).toBe(name));
      controller.abort(new Error('enough'));
      await expect(loading).rejects.toThrow('enough');
      if (name === 'create') expect(dispose).toHaveBeenCalledOnce();
      else if (name !== 'unavailable') expect(webgl.executors[0]!.calls.at(-1)).toBe('dispose');
      expect(fallback.executors).toHaveLength(0);
    },
  );

  it('C7: ends at once when transformUrlDelegate never answers', async () => {
    install('fallback');
    const controller = new AbortController();
    const transformUrlDelegate = () =>
      new Promise<string>(() => setTimeout(() => controller.abort(new Error('enough')), 5));
    await expect(load(folder, { signal: controller.signal, transformUrlDelegate })).rejects.toThrow('enough');
  });

  it('C7: a device that is lost while weights come gives way to the next backend', async () => {
    const webgl = install('webgl', {
      writeWeights: () => {
        webgl.executors[0]!.lose('gone');
        return new Promise(() => undefined);
      },
    });
    install('fallback');
    const runner = await load(folder, { backendOrder: ['webgl', 'fallback'] });
    expect(runner.info.fallThrough).toEqual([{ backend: 'webgl', reason: 'gone' }]);
    expect(webgl.executors[0]!.calls.at(-1)).toBe('dispose');
  });

  it.each(['', null, undefined])('C4: backendOrder %j is the default', async (backendOrder) => {
    install('fallback');
    expect((await load(folder, { backendOrder } as LoadOptions)).backendName).toBe('fallback');
  });

  it('C4: takes a URL, and the cache options that say what it does anyway', async () => {
    install('fallback');
    await load(pathToFileURL(folder), { saveCache: false, cacheStrategy: 'networkOnly' });
  });

  it.each(['', ' '])('C8: load(%j) is refused', async (directory) => {
    await expect(load(directory)).rejects.toMatchObject({
      code: 'option',
      message: expect.stringContaining('empty') as string,
    });
  });

  it('C8: waits for the promise of transformUrlDelegate, and takes a URL', async () => {
    install('fallback');
    const later = (url: string): Promise<string> => new Promise((resolve) => setTimeout(() => resolve(url), 2));
    await load(folder, { transformUrlDelegate: later });
    await load(folder, { transformUrlDelegate: (url) => pathToFileURL(url) });
  });

  it.each([undefined, null, 7, '', {}, Promise.resolve(undefined)])(
    'C8: %o of transformUrlDelegate is refused',
    async (given) => {
      install('fallback');
      const transformUrlDelegate = (() => given) as unknown as NonNullable<LoadOptions['transformUrlDelegate']>;
      await expect(load(folder, { transformUrlDelegate })).rejects.toMatchObject({
        code: 'option',
        message: expect.stringMatching(/transformUrlDelegate gave .* for .*descriptor.json, want an address/) as string,
      });
    },
  );

  it('C8: a promise of transformUrlDelegate that rejects is a fault of the page', async () => {
    install('fallback');
    const transformUrlDelegate = () => Promise.reject(new Error('no token'));
    await expect(load(folder, { transformUrlDelegate })).rejects.toMatchObject({
      code: 'option',
      message: 'load: transformUrlDelegate threw: no token',
    });
  });

  it('C9: says the name of a backend once', async () => {
    install('webassembly', { bind: fail('webassembly: no memory') });
    const message = "no backend can run 'tiny':\n  webassembly: no memory";
    await expect(load(folder, { backendOrder: 'webassembly' })).rejects.toMatchObject({ message });
    expect(console.warn).toHaveBeenCalledWith('WebDNN: webassembly cannot run this model: no memory');
  });

  it('does nothing when aborted before', async () => {
    await expect(load(folder, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('waits for nobody when a file is damaged', async () => {
    let finish = (): void => undefined;
    const webgl = install('webgl', { create: () => new Promise<void>((resolve) => (finish = resolve)) });
    spoil('weights.0.a.bin', (data) => data.subarray(4));
    await expect(load(folder)).rejects.toMatchObject({ code: 'integrity' });
    finish();
    await vi.waitFor(() => expect(webgl.executors[0]!.calls).toEqual(['create', 'dispose']));
  });
});
