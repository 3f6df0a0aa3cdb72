/** Modules of the runtime import each other in no circle: having read what a module imports, you have read all that it stands on. Types may. */

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const SOURCE = path.resolve(import.meta.dirname, '../src');

/** Whether all that an import or export names are types, so that nothing of it is left in JavaScript. */
function namesTypesOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  const clause = ts.isImportDeclaration(node) ? node.importClause : node;
  if (!clause) return false; // `import './file'` is for what the file does
  if (clause.isTypeOnly) return true;
  if (ts.isImportClause(clause) && clause.name) return false;
  const names = ts.isImportClause(clause) ? clause.namedBindings : clause.exportClause;
  const list = names && (ts.isNamedImports(names) || ts.isNamedExports(names)) ? [...names.elements] : [];
  return list.length > 0 && list.every(({ isTypeOnly }) => isTypeOnly);
}

/** What `text` imports of values from files beside it, in functions too. */
function importsOf(text: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const isStatic = ts.isImportDeclaration(node) || ts.isExportDeclaration(node);
    const isDynamic = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
    const target = isStatic && !namesTypesOnly(node) ? node.moduleSpecifier : isDynamic ? node.arguments[0] : undefined;
    if (target && ts.isStringLiteral(target) && target.text.startsWith('.')) found.push(target.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('module.ts', text, ts.ScriptTarget.Latest));
  return found;
}

/** The circles among modules, `a → b → a`: one for each import that closes one. */
function circles(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (module: string, trail: readonly string[]): void => {
    const start = trail.indexOf(module);
    if (start >= 0) found.push([...trail.slice(start), module].join(' → '));
    if (start >= 0 || done.has(module)) return;
    for (const target of imports.get(module) ?? []) visit(target, [...trail, module]);
    done.add(module);
  };
  for (const module of imports.keys()) visit(module, []);
  return found;
}

/** Each file of `folder`, with those that it imports. */
function modulesIn(folder: string): Map<string, string[]> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  return new Map(
    files.map((file) => {
      const from = path.join(folder, path.dirname(file));
      const resolve = (target: string): string => {
        const base = path.resolve(from, target);
        const options = [`${base}.ts`, path.join(base, 'index.ts')].filter((one) => existsSync(one));
        if (options.length !== 1) throw new Error(`${file} imports ${target}, which is no file`);
        return path.relative(folder, options[0]!);
      };
      return [file, importsOf(readFileSync(path.join(folder, file), 'utf8')).map(resolve)];
    }),
  );
}

it('there is no circle of values in src', () => {
  const imports = modulesIn(SOURCE);
  expect(imports.get('load.ts')).toContain('backends.ts');
  expect(imports.get(path.join('webgl', 'index.ts'))).toContain(path.join('webgl', 'executor.ts'));
  expect(circles(imports)).toEqual([]);
});

describe('the check itself', () => {
  it.each([
    ["import { a } from './a';", ['./a']],
    ["import { type A, b } from '../b';", ['../b']],
    ["import def, { type A } from './a';", ['./a']],
    ["import './a';", ['./a']],
    ["import * as a from './a';", ['./a']],
    ["export * from './a';", ['./a']],
    ["export { a } from './a';", ['./a']],
    ["const load = async () => (await import('./a')).a;", ['./a']],
    ["import type { A } from './a';", []],
    ["import { type A } from './a';", []],
    ["export type { A } from './a';", []],
    ["export { type A } from './a';", []],
    ["import fs from 'node:fs';", []],
    ['export const a = 1;', []],
  ])('%s', (text, want) => expect(importsOf(text)).toEqual(want));

  it.each([
    [{ a: ['b', 'c'], b: ['c'], c: [] }, []],
    [{ a: ['b'], b: ['c'], c: ['b'] }, ['b → c → b']],
    [{ a: ['a'] }, ['a → a']],
    [{ a: ['b'], b: ['a'], c: ['d'], d: ['c'] }, ['a → b → a', 'c → d → c']],
  ])('%j', (imports, want) => expect(circles(new Map(Object.entries(imports)))).toEqual(want));
});
