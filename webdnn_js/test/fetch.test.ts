import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { joinUrl, Reader } from '../src/fetch';
import { fileOf } from './fixture';

const CONTENT = Buffer.from('some weights');
const FILE = fileOf('w.bin', CONTENT);

let server: Server | undefined;
afterEach(() => {
  vi.unstubAllGlobals();
  server?.closeAllConnections();
  server?.close();
});

async function serve(answer: RequestListener): Promise<string> {
  server = createServer(answer);
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/model`;
}

describe.each(['secure', 'insecure'])('over HTTP, in a context that is %s', (context) => {
  beforeEach(() => {
    if (context === 'insecure') vi.stubGlobal('crypto', {});
  });

  it('reads whole, unaltered files', async () => {
    const urls: (string | undefined)[] = [];
    const directory = await serve((request, response) => {
      urls.push(request.url);
      response.end(request.url?.endsWith('.json') ? '{"a": 1}' : CONTENT);
    });
    const reader = new Reader(directory + '/', {});
    expect(await reader.manifest()).toEqual({ a: 1 });
    expect(Buffer.from(await reader.file(FILE))).toEqual(CONTENT);
    expect(urls).toEqual(['/model/descriptor.json', '/model/w.bin']);
  });

  it.each<[string, string, string, RequestListener]>([
    ['404', 'fetch', 'HTTP 404 Not Found', (_, response) => response.writeHead(404).end('no such page')],
    ['500', 'fetch', 'HTTP 500', (_, response) => response.writeHead(500).end()],
    ['altered', 'integrity', 'not the content', (_, response) => response.end('SOME weights')],
    ['shorter', 'integrity', 'not the content', (_, response) => response.end('some')],
    ['longer', 'integrity', 'not the content', (_, response) => response.end('some weights and more')],
    ['a page instead', 'integrity', 'not the content', (_, response) => response.end('<!doctype html>')],
    [
      'cut off',
      'fetch',
      'w.bin: ',
      (_, response) => {
        response.writeHead(200, { 'Content-Length': 12 });
        response.write('some', () => response.destroy());
      },
    ],
    ['refused', 'fetch', 'w.bin: ', (request) => request.socket.destroy()],
  ])('%s is an error', async (_, code, message, answer) => {
    const reader = new Reader(await serve(answer), {});
    await expect(reader.file(FILE)).rejects.toMatchObject({
      name: 'WebDNNError',
      code,
      message: expect.stringContaining(message) as string,
    });
  });

  it.each<[string, RequestListener]>([
    ['503', (_, response) => response.writeHead(503).end()],
    ['429', (_, response) => response.writeHead(429, { 'Retry-After': '0' }).end()],
    ['a connection that is refused', (request) => request.socket.destroy()],
    [
      'a connection that breaks off',
      (_, response) => {
        response.writeHead(200, { 'Content-Length': 12 });
        response.write('some', () => response.destroy());
      },
    ],
  ])('C8: after %s asks again', async (_, trouble) => {
    let asked = 0;
    const directory = await serve((request, response) => {
      if (++asked === 1) trouble(request, response);
      else response.end(CONTENT);
    });
    const content = await new Reader(directory, {}).file(FILE, undefined, new ArrayBuffer(20));
    expect(Buffer.from(content)).toEqual(CONTENT);
  });

  it('finds one altered byte of many, wherever it is', async () => {
    const content = new Uint8Array(600_000).map((_, i) => i % 251);
    const file = fileOf('large.bin', content);
    let sent = content;
    const reader = new Reader(await serve((_, response) => response.end(sent)), {});
    expect(Buffer.from(await reader.file(file)).equals(content)).toBe(true);
    for (const at of [0, 262_143, 262_144, 524_288, 599_999]) {
      sent = content.slice();
      sent[at] = 255;
      await expect(reader.file(file)).rejects.toMatchObject({ code: 'integrity' });
    }
  });

  it('reads into larger memory that is given, whatever it holds', async () => {
    const reader = new Reader(await serve((_, response) => response.end(CONTENT)), {});
    const memory = new Uint8Array(100).fill(7).buffer;
    const content = await reader.file(FILE, undefined, memory);
    expect(Buffer.from(content)).toEqual(CONTENT);
    expect(content.buffer.byteLength).toBe(100);
    const short = new Reader(await serve((_, response) => response.end('some')), {});
    await expect(short.file(FILE, undefined, content.buffer)).rejects.toMatchObject({ code: 'integrity' });
  });

  it('refuses a length that is not the declared one', async () => {
    const reader = new Reader(await serve((_, response) => response.end(CONTENT)), {});
    await expect(reader.file({ ...FILE, bytes: 11 })).rejects.toMatchObject({
      code: 'integrity',
      message: expect.stringContaining('more than 11 bytes') as string,
    });
  });

  it('says the status when the manifest is missing', async () => {
    const reader = new Reader(await serve((_, response) => response.writeHead(404).end()), {});
    await expect(reader.manifest()).rejects.toThrow('/model/descriptor.json: HTTP 404 Not Found');
  });

  it('stops at an abort, with its reason', async () => {
    const controller = new AbortController();
    const reader = new Reader(await serve(() => controller.abort(new Error('enough'))), { signal: controller.signal });
    await expect(reader.file(FILE)).rejects.toThrow('enough');
  });
});

it.each([404, 403, 500])('C8: asks once where the answer is %d', async (status) => {
  let asked = 0;
  const directory = await serve((_, response) => {
    asked++;
    response.writeHead(status).end();
  });
  await expect(new Reader(directory, {}).file(FILE)).rejects.toMatchObject({ code: 'fetch' });
  expect(asked).toBe(1);
});

it('C8: asks three times, and stops at an abort between', async () => {
  let asked = 0;
  const directory = await serve((_, response) => {
    asked++;
    response.writeHead(503, { 'Retry-After': '60' }).end();
  });
  const controller = new AbortController();
  const reading = new Reader(directory, { signal: controller.signal }).file(FILE);
  setTimeout(() => controller.abort(new Error('enough')), 100);
  await expect(reading).rejects.toThrow('enough');
  expect(asked).toBe(1);
});

it('C8: gives up after the third try', async () => {
  let asked = 0;
  const directory = await serve((_, response) => {
    asked++;
    response.writeHead(503).end();
  });
  await expect(new Reader(directory, {}).file(FILE)).rejects.toMatchObject({ code: 'fetch' });
  expect(asked).toBe(3);
});

it.each([
  ['http://h/m?v=2', 'http://h/m/f.json?v=2'],
  ['http://h/m/?v=2&w=a/b', 'http://h/m/f.json?v=2&w=a/b'],
  ['http://h/m#part', 'http://h/m/f.json'],
  ['http://h/m//', 'http://h/m/f.json'],
  ['/a folder/what?', '/a folder/what?/f.json'], // in Node, a path
])('C8: the files of %s', (directory, url) => expect(joinUrl(directory, 'f.json')).toBe(url));
