// Builds the page in a folder with one bundler, as its manual says: node build.mjs BUNDLER FOLDER
// The result lies in FOLDER/out, with an index.html.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [name, folder] = process.argv.slice(2);
const out = path.join(folder, 'out');
const entry = path.join(folder, 'main.js');
const page = (kind) => `<!doctype html><meta charset=utf-8><link rel=icon href=data:,><script ${kind} src="main.js"></script>`;

const packages = (set) => createRequire(path.join(import.meta.dirname, set, 'package.json'));
const load = (set, module) => import(pathToFileURL(packages(set).resolve(module)).href);
const others = async (module) => {
  const found = await load('others', module);
  return found.default ?? found;
};

const BUNDLERS = {
  async vite() {
    const { build } = await load('vite', 'vite');
    await build({ root: folder, configFile: false, base: './', logLevel: 'warn', build: { outDir: out } });
  },
  async webpack() {
    const webpack = await others('webpack');
    const stats = await new Promise((resolve, reject) => {
      const options = { mode: 'production', context: folder, entry, output: { path: out, filename: 'main.js' } };
      webpack(options, (error, result) => (error ? reject(error) : resolve(result)));
    });
    if (stats.hasErrors()) throw new Error(stats.toString());
    fs.writeFileSync(path.join(out, 'index.html'), page('defer'));
  },
  async esbuild() {
    const { build } = await others('esbuild');
    await build({ entryPoints: [entry], bundle: true, format: 'esm', splitting: true, outdir: out, logLevel: 'error' });
    fs.writeFileSync(path.join(out, 'index.html'), page('type=module'));
  },
  async 'esbuild-iife'() {
    const { build } = await others('esbuild');
    await build({ entryPoints: [entry], bundle: true, format: 'iife', outdir: out, logLevel: 'error' });
    fs.writeFileSync(path.join(out, 'index.html'), page('defer'));
  },
  async rollup() {
    const { rollup } = await load('others', 'rollup');
    const { nodeResolve } = await load('others', '@rollup/plugin-node-resolve');
    const bundle = await rollup({ input: entry, plugins: [nodeResolve({ browser: true })] });
    await bundle.write({ dir: out, format: 'es' });
    fs.writeFileSync(path.join(out, 'index.html'), page('type=module'));
  },
  parcel() {
    const command = packages('others').resolve('parcel/lib/bin.js');
    const options = ['--dist-dir', out, '--no-cache', '--no-source-maps', '--public-url', './'];
    execFileSync(process.execPath, [command, 'build', path.join(folder, 'index.html'), ...options], {
      cwd: folder,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  },
};

await BUNDLERS[name]();
