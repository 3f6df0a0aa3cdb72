/** One step as draw calls. */

import type { BoundStep, BoundView } from '../backend';
import { WebDNNError } from '../errors';
import type { Program } from './program';
import { extent } from './rows';
import { FOLD, rectangles, TARGETS, type Texture } from './texture';

/** Where a buffer lies: its texture, and how many texels it has in each layer of that. */
export interface Place {
  readonly texture: Texture;
  readonly span: number;
}

/** The part of a layer that a call draws; of four layers, where it draws into four at once. */
interface Target {
  readonly layer: number;
  readonly y: number;
  width: number;
  height: number;
}

export interface Draw {
  readonly program: Program;
  readonly inputs: readonly Texture[];
  readonly output: Texture;
  readonly parameters: Int32Array;
  readonly spans: Int32Array;
  readonly targets: readonly Target[];
  readonly atOnce: boolean;
}

/** The rows of pixels that hold a view, with one entry for each layer. They may hold more than the view: the kernel discards those pixels. */
function targetsOf({ offset, rows, columns, pitch }: BoundView, span: number): Target[] {
  const first = offset / 4;
  const last = first + extent(rows, columns, pitch) / 4 - 1;
  const targets: Target[] = [];
  for (const { layer, x, y, width, height } of rectangles(first, last, span)) {
    const before = targets.at(-1);
    if (before?.layer === layer) {
      before.width = Math.max(before.width, x + width);
      before.height += height;
    } else targets.push({ layer, y, width: x + width, height });
  }
  return targets;
}

const quarter = (span: number): Target[] => [
  { layer: 0, y: 0, width: Math.min(span, FOLD), height: Math.ceil(span / FOLD) },
];

/** `place` tells where the buffer of a view lies; `targets` how many rows the kernel computes at once. */
export function prepare(
  step: BoundStep,
  program: Program,
  targets: number | undefined,
  place: (view: BoundView) => Place,
): Draw {
  const view = step.out[0];
  if (!view || step.out.length > 1) throw new WebDNNError('descriptor', `${step.origin}: a shader has one output`);
  const inputs = step.in.map(place);
  const output = place(view);
  if (inputs.some(({ texture }) => texture === output.texture)) {
    throw new WebDNNError('descriptor', `${step.origin}: a texture cannot be read and written at once`);
  }
  const views = [...step.in, view].flatMap(({ offset, pitch }) => [offset, pitch]);
  const atOnce = targets === TARGETS;
  return {
    program,
    inputs: inputs.map(({ texture }) => texture),
    output: output.texture,
    parameters: Int32Array.from([...views, ...step.args]),
    spans: Int32Array.from([...inputs, output].map(({ span }) => span)),
    targets: atOnce ? quarter(output.span) : targetsOf(view, output.span),
    atOnce,
  };
}

/** Sets all of the context's state that matters, since others have used it meanwhile. */
export function execute(gl: WebGL2RenderingContext, draw: Draw): void {
  const { program, inputs, output, parameters, spans, targets, atOnce } = draw;
  gl.useProgram(program.handle);
  gl.uniform1iv(program.parameters, parameters);
  gl.uniform1iv(program.spans, spans);
  inputs.forEach((texture, k) => {
    gl.activeTexture(gl.TEXTURE0 + k);
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, texture.handle);
  });
  for (const { layer, y, width, height } of targets) {
    if (atOnce) output.targetAll();
    else output.target(layer);
    gl.uniform1i(program.layer, layer);
    gl.viewport(0, y, width, height);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }
}
