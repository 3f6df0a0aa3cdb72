/** Is this untrusted value a Manifest? Every number in it is then safe to use. */

import {
  anyFile,
  dictionary,
  dtype,
  expr,
  fields,
  file,
  index,
  integer,
  list,
  matching,
  oneOf,
  optional,
  reject,
  storage,
  text,
  version,
  INT32_MAX,
  LARGEST_SHARD,
  type Check,
} from './check';
import { BYTES_PER_ELEMENT } from './dtypes';
import { DEFAULT_ORDER } from './options';
import type { Manifest, Piece } from './plan';

const SYMBOL = matching(/^[A-Za-z]\w{0,60}$/, 'names of letters, digits and _');
const ANY = Number.MAX_SAFE_INTEGER;

const placeholder: Check = (value, path) => {
  fields({ minimum: integer(1, ANY) })(value, path);
  const { minimum } = value as { minimum: number };
  fields({
    maximum: (maximum, at) => maximum === null || integer(minimum, ANY, `null or an integer ≥ ${minimum}`)(maximum, at),
  })(value, path);
};

const weight = fields({
  storage,
  rows: integer(1, INT32_MAX),
  columns: integer(1, INT32_MAX),
  encoding: oneOf('raw'),
});

const shard = (weights: number): Check =>
  fields({
    file: file(LARGEST_SHARD),
    pieces: list(
      fields({
        weight: index(weights, 'weights'),
        row: integer(0, INT32_MAX),
        rows: integer(1, INT32_MAX),
        offset: integer(0, LARGEST_SHARD),
      }),
    ),
  });

/** Whose names a page asks for. */
const tensors =
  (tensor: Check): Check =>
  (value, path) => {
    list(tensor)(value, path);
    const names = (value as Manifest['inputs']).map(({ name }) => name);
    names.forEach((name, i) => {
      if (names.indexOf(name) < i) reject(`${path}[${i}].name`, 'another name than those before it', name);
    });
  };

const backend = fields({ plan: anyFile, kernels: optional(dictionary(text, anyFile)) });
const BACKENDS = fields(Object.fromEntries(DEFAULT_ORDER.map((name) => [name, optional(backend)])));

/** Pieces lie inside their files, aligned, and give every row of every weight exactly once. */
function checkCoverage({ weights, shards }: Manifest): void {
  const pieces: (Piece & { path: string })[][] = weights.map(() => []);
  shards.forEach(({ file: { bytes }, pieces: own }, s) =>
    own.forEach((piece, p) => {
      const path = `manifest.shards[${s}].pieces[${p}]`;
      const { storage, columns } = weights[piece.weight]!;
      const size = BYTES_PER_ELEMENT[storage];
      const end = piece.offset + piece.rows * columns * size;
      if (piece.offset % size || end > bytes) {
        reject(`${path}.offset`, `a multiple of ${size}, and at most ${bytes} bytes in all`, piece.offset);
      }
      pieces[piece.weight]!.push({ ...piece, path });
    }),
  );
  weights.forEach(({ rows }, w) => {
    let next = 0;
    for (const piece of pieces[w]!.sort((a, b) => a.row - b.row)) {
      if (piece.row !== next) reject(`${piece.path}.row`, `row ${next} of weight ${w}`, piece.row);
      next += piece.rows;
    }
    if (next !== rows) reject(`manifest.weights[${w}].rows`, `the ${next} rows that the shards hold`, rows);
  });
}

export function checkManifest(value: unknown): Manifest {
  const path = 'manifest';
  fields({ format: oneOf('webdnn'), version })(value, path);
  fields({
    name: text,
    converter: text,
    placeholders: dictionary(SYMBOL, placeholder),
    weights: list(weight),
    backends: BACKENDS,
  })(value, path);
  const manifest = value as Manifest;
  const size = expr(new Set(Object.keys(manifest.placeholders)));
  const tensor = fields({ name: text, dtype, shape: list(size, 16) });
  const constraint = fields({ left: size, relation: oneOf('==', '<='), right: size, reason: text });
  fields({
    constraints: list(constraint),
    inputs: tensors(tensor),
    outputs: tensors(tensor),
    shards: list(shard(manifest.weights.length)),
  })(value, path);
  checkCoverage(manifest);
  return manifest;
}
