// Builds dist/ from src/. `node build.mjs --check` writes nothing and fails when the committed dist/ is stale.
//
//   src/index.ts              dist/webdnn.mjs            for `import`
//   the files of `lazy`       dist/webdnn-*.mjs          what only one backend needs, fetched only when that backend runs
//   src/script.ts             dist/webdnn.js             for <script>, defines the global WebDNN
//   the files of `workers`    dist/webdnn-*worker.js     classic workers
//   every exported type       dist/webdnn.d.ts, dist/types/
import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import vm from 'node:vm';
import { build } from 'esbuild';

const root = import.meta.dirname;
const dist = path.join(root, 'dist');
/** Dynamic imports of these become files of their own. */
const lazy = {
  'webdnn-fallback': 'src/fallback/session.ts',
  'webdnn-webassembly': 'src/webassembly/session.ts',
  'webdnn-webgl': 'src/webgl/executor.ts',
  'webdnn-webgpu': 'src/webgpu/executor.ts',
};
const workers = {
  'webdnn-worker': 'src/worker.ts',
  'webdnn-fallback-worker': 'src/fallback/worker.ts',
};
const notBuilt = ['README.md'];

const { version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));

/** `import('./executor')` and its like stay dynamic imports, of the built file next to the importing one. A classic script and a
 * worker resolve it against their own address, as a module does. */
const lazyFiles = {
  name: 'lazy-files',
  setup({ onResolve }) {
    onResolve({ filter: /^\./ }, ({ kind, resolveDir, path: target }) => {
      if (kind !== 'dynamic-import') return null;
      const source = path.relative(root, path.resolve(resolveDir, `${target}.ts`)).replaceAll(path.sep, '/');
      const found = Object.entries(lazy).find(([, file]) => file === source);
      return found ? { path: `./${found[0]}.mjs`, external: true } : null;
    });
  },
};

/** Lets Chrome compile all functions while a file arrives, and not one by one on the page's thread when they are first called. */
const hint = '//# allFunctionsCalledOnLoad';

const common = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  target: 'es2022',
  charset: 'utf8',
  legalComments: 'none',
  banner: { js: `${hint}\n/*! WebDNN ${version} | MIT */` },
  external: ['node:*'],
  plugins: [lazyFiles],
  logLevel: 'warning',
  outdir: dist,
  write: false,
};
const module = { ...common, format: 'esm', outExtension: { '.js': '.mjs' } };
// Wrapped by hand: esbuild's own `iife` format adds a `require` helper for every dynamic import.
const classic = {
  ...common,
  format: 'esm',
  banner: { js: `${common.banner.js}\n(() => {\n'use strict';` },
  footer: { js: '})();' },
  inject: [path.join(root, 'script-url.mjs')],
  define: { 'import.meta.url': 'scriptUrl' },
};

/** @returns {Promise<Map<string, Buffer>>} file name below dist → content */
async function scripts() {
  const results = await Promise.all([
    build({ ...module, entryPoints: { webdnn: 'src/index.ts', ...lazy } }),
    build({ ...classic, entryPoints: { webdnn: 'src/script.ts', ...workers } }),
  ]);
  const files = results.flatMap((result) => result.outputFiles);
  return new Map(files.map((file) => [path.relative(dist, file.path), Buffer.from(file.contents)]));
}

/** @returns {Map<string, Buffer>} */
function types() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'webdnn-types-'));
  try {
    const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    execFileSync(process.execPath, [tsc, '-p', 'tsconfig.types.json', '--outDir', folder], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const files = new Map([['webdnn.d.ts', Buffer.from("export * from './types/index.js';\n")]]);
    for (const name of listFiles(folder)) {
      const text = fs.readFileSync(path.join(folder, name), 'utf8');
      files.set(`types/${name}`, Buffer.from(withExtensions(text, path.dirname(path.join(folder, name)))));
    }
    return files;
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** Gives every relative import its `.js`, so that the types resolve under each moduleResolution. */
function withExtensions(text, folder) {
  return text.replace(/((?:from|import\() ?['"])(\.{1,2}\/[^'"]*)(['"])/g, (_, before, target, after) => {
    const stem = target.replace(/\.[jt]s$/, '');
    const isFile = fs.existsSync(path.join(folder, `${stem}.d.ts`));
    return `${before}${isFile ? stem : `${stem}/index`}.js${after}`;
  });
}

/** @returns {string[]} the files below `folder`, with forward slashes, sorted */
function listFiles(folder) {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, '/'))
    .sort();
}

/** A page may forbid these by its Content-Security-Policy, so no file may contain them. */
function refuseForbidden(files) {
  for (const [name, content] of files) {
    if (name.endsWith('.d.ts')) continue;
    const found = /\beval\(|\bnew Function\b|["'`]blob:/.exec(content.toString('utf8'));
    if (found) throw new Error(`${name} contains ${found[0]}: a strict Content-Security-Policy forbids it`);
  }
}

/** A stray static import or top-level await would make a classic script a syntax error. */
function checkClassic(files) {
  for (const [name, content] of files) {
    if (name.endsWith('.js')) new vm.Script(content.toString('utf8'), { filename: name });
  }
}

/** Says for each file how dist/ differs from what the sources give. */
function differences(files) {
  const present = fs.existsSync(dist) ? listFiles(dist).filter((name) => !notBuilt.includes(name)) : [];
  const changed = [...files].flatMap(([name, content]) => {
    if (!present.includes(name)) return [`missing: ${name}`];
    return content.equals(fs.readFileSync(path.join(dist, name))) ? [] : [`stale: ${name}`];
  });
  return [...changed, ...present.filter((name) => !files.has(name)).map((name) => `left over: ${name}`)];
}

function write(files) {
  for (const line of differences(files)) {
    if (line.startsWith('left over: ')) fs.rmSync(path.join(dist, line.slice('left over: '.length)));
  }
  for (const [name, content] of files) {
    fs.mkdirSync(path.dirname(path.join(dist, name)), { recursive: true });
    fs.writeFileSync(path.join(dist, name), content);
    if (!name.startsWith('types/')) console.log(`${String(content.length).padStart(8)}  dist/${name}`);
  }
}

try {
  const files = new Map([...(await scripts()), ...types()]);
  refuseForbidden(files);
  checkClassic(files);
  if (process.argv.includes('--check')) {
    const lines = differences(files);
    if (lines.length) throw new Error(`dist/ is not what src/ gives; run: npm run build\n  ${lines.join('\n  ')}`);
    console.log('dist/ is fresh');
  } else {
    write(files);
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
