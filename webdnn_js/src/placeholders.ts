/** The values that a page gives to the placeholders of a model. */

import { WebDNNError, rejectUnknown } from './errors';
import { evaluate, formatExpr, namesIn, type Symbols } from './expr';
import type { Constraint, Expr, Manifest } from './plan';

/** By placeholder. */
export type Values = Readonly<Record<string, number>>;

export const formatValues = (values: Values): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} = ${value}`)
    .join(', ');

const FARTHEST = 4096; // from the value given to the one proposed

function holds({ left, relation, right }: Constraint, symbols: Symbols): boolean {
  const a = evaluate(left, symbols);
  const b = evaluate(right, symbols);
  return relation === '==' ? a === b : a <= b;
}

const plain = (expr: Expr): string => formatExpr(expr).replace(/^\((.*)\)$/, '$1');

/** The values next to the one given, below and above, that satisfy the constraint of `name` alone. */
function neighbours(constraint: Constraint, name: string, given: number, manifest: Manifest): number[] {
  const { minimum, maximum } = manifest.placeholders[name]!;
  const next = (step: number): number[] => {
    for (let value = given + step, i = 0; i < FARTHEST; value += step, i++) {
      if (value < minimum || value > (maximum ?? Infinity)) return [];
      if (holds(constraint, new Map([[name, value]]))) return [value];
    }
    return [];
  };
  return [...next(-1), ...next(1)];
}

/** Throws, with the values given and what would do, unless the constraint holds. */
function checkConstraint(constraint: Constraint, symbols: Symbols, manifest: Manifest): void {
  if (holds(constraint, symbols)) return;
  const { left, relation, right, reason } = constraint;
  const names = [...new Set([...namesIn(left), ...namesIn(right)])];
  const given = names.map((name) => `${name} = ${symbols.get(name)}`).join(', ');
  const near = names.length === 1 ? neighbours(constraint, names[0]!, symbols.get(names[0]!)!, manifest) : [];
  const such = near.length ? `, such as ${near.join(' or ')}` : '';
  const rule = `${plain(left)} ${relation} ${plain(right)}`;
  throw new WebDNNError(
    'placeholder',
    `${given} does not fit the model, which needs ${rule}${such} (needed by ${reason})`,
  );
}

/** Throws unless `value` is one that placeholder `name` may take. */
export function checkPlaceholder(manifest: Manifest, name: string, value: unknown): void {
  const { placeholders } = manifest;
  if (!Object.hasOwn(placeholders, name)) rejectUnknown('placeholder', 'placeholder', name, Object.keys(placeholders));
  const { minimum, maximum } = placeholders[name]!;
  if (!Number.isSafeInteger(value) || Number(value) < minimum || Number(value) > (maximum ?? Infinity)) {
    const want = `an integer from ${minimum}${maximum === null ? '' : ` to ${maximum}`}`;
    throw new WebDNNError('placeholder', `placeholder ${name}: got ${String(value)}, want ${want}`);
  }
}

export const unsetPlaceholders = (manifest: Manifest, values: Values): string[] =>
  Object.keys(manifest.placeholders).filter((name) => !Object.hasOwn(values, name));

/** Checks bounds and constraints; every placeholder must have its value. */
export function resolvePlaceholders(manifest: Manifest, values: Values): Map<string, number> {
  const unset = unsetPlaceholders(manifest, values);
  if (unset.length) {
    throw new WebDNNError('placeholder', `call setPlaceholderValue first; not set: ${unset.join(', ')}`);
  }
  for (const [name, value] of Object.entries(values)) checkPlaceholder(manifest, name, value);
  const symbols = new Map(Object.entries(values));
  for (const constraint of manifest.constraints) checkConstraint(constraint, symbols, manifest);
  return symbols;
}
