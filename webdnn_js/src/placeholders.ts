/** The values that a page gives to the placeholders of a model. */

import { WebDNNError, rejectUnknown } from './errors';
import { evaluate, formatExpr, type Symbols } from './expr';
import type { Constraint, Manifest } from './plan';

function checkConstraint({ left, relation, right, reason }: Constraint, symbols: Symbols): void {
  const a = evaluate(left, symbols);
  const b = evaluate(right, symbols);
  if (relation === '==' ? a === b : a <= b) return;
  const rule = `${formatExpr(left)} ${relation} ${formatExpr(right)}`;
  throw new WebDNNError('placeholder', `the model needs ${rule}, but ${a} ${relation} ${b} is false (${reason})`);
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

export const unsetPlaceholders = (manifest: Manifest, values: Readonly<Record<string, number>>): string[] =>
  Object.keys(manifest.placeholders).filter((name) => !Object.hasOwn(values, name));

/** Checks bounds and constraints; every placeholder must have its value. */
export function resolvePlaceholders(manifest: Manifest, values: Readonly<Record<string, number>>): Map<string, number> {
  const unset = unsetPlaceholders(manifest, values);
  if (unset.length) {
    throw new WebDNNError('placeholder', `call setPlaceholderValue first; not set: ${unset.join(', ')}`);
  }
  for (const [name, value] of Object.entries(values)) checkPlaceholder(manifest, name, value);
  const symbols = new Map(Object.entries(values));
  for (const constraint of manifest.constraints) checkConstraint(constraint, symbols);
  return symbols;
}
