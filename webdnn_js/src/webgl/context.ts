/**
 * The WebGL 2 context of this page or worker, which renders to textures of floats and of integers. All runners share it, since browsers
 * keep no more than 16 contexts of a page and take the oldest away without asking.
 */

import { WebDNNError } from '../errors';
import type { Storage } from '../plan';

/** How textures hold four cells, in WebGL's names; `format` and `type` are those of the arrays that go there and come back. */
export interface Format {
  readonly internal: number;
  readonly format: number;
  readonly type: number;
}

export interface Context {
  readonly gl: WebGL2RenderingContext;
  /** By storage class. Floats are RGBA32F, or RGBA16F where nothing better can be rendered to; integers are RGBA32I everywhere. */
  readonly formats: Readonly<Record<Storage, Format>>;
  readonly precision: 'float32' | 'float16';
  /** Runners that have not been disposed of. */
  users: number;
}

/** How runners get the context and give it back. */
export interface Contexts {
  acquire(): Context;
  release(context: Context): void;
}

const ATTRIBUTES: WebGLContextAttributes = {
  alpha: false,
  antialias: false,
  depth: false,
  powerPreference: 'high-performance',
};
/** How long a context without runners is kept: a page often loads its next model right after it has disposed of one. */
const IDLE_MILLISECONDS = 5000;

/** undefined where there is no canvas, null where the canvas has no WebGL 2. */
function webgl2(): WebGL2RenderingContext | null | undefined {
  // Each class of canvas is asked by itself: getContext is overloaded, and for a union of the two TypeScript has found
  // its result or not, depending on the order in which files were checked.
  if (typeof OffscreenCanvas !== 'undefined') return new OffscreenCanvas(1, 1).getContext('webgl2', ATTRIBUTES);
  if (typeof document !== 'undefined') return document.createElement('canvas').getContext('webgl2', ATTRIBUTES);
  return undefined;
}

const lose = (gl: WebGL2RenderingContext): void => gl.getExtension('WEBGL_lose_context')?.loseContext();

function contextOf(gl: WebGL2RenderingContext, internal: number, precision: Context['precision']): Context {
  const float = { internal, format: gl.RGBA, type: gl.FLOAT };
  const int = { internal: gl.RGBA32I, format: gl.RGBA_INTEGER, type: gl.INT };
  return { gl, formats: { float, int }, precision, users: 0 };
}

/** A new context, or the reason why there is none. */
function make(): Context | string {
  const gl = webgl2();
  if (gl === undefined) return 'there is no canvas here (WebGL needs a page or a worker of a browser)';
  if (!gl) return 'this browser or its graphics driver does not offer WebGL 2';
  if (gl.getExtension('EXT_color_buffer_float')) return contextOf(gl, gl.RGBA32F, 'float32');
  if (gl.getExtension('EXT_color_buffer_half_float')) return contextOf(gl, gl.RGBA16F, 'float16');
  lose(gl);
  return 'this device cannot render to floating-point textures (EXT_color_buffer_float)';
}

let shared: Context | undefined;
let reason: string | undefined;

/** Gives the context back if no runner uses it after a while: who asked for it may only have wanted to know whether there is one. */
function loseIfIdle(context: Context): void {
  setTimeout(() => {
    if (context.users) return;
    lose(context.gl);
    if (shared === context) shared = undefined;
  }, IDLE_MILLISECONDS);
}

/** The context that there is, or a new one where there is none or it was lost; or the reason why there can be none. */
function open(): Context | string {
  if (shared && !shared.gl.isContextLost()) return shared;
  const made = reason ?? make();
  if (typeof made === 'string') return (reason = made);
  loseIfIdle(made);
  return (shared = made);
}

/** Why this browser cannot; undefined if it can. */
export function reasonAgainst(): string | undefined {
  const context = open();
  return typeof context === 'string' ? context : undefined;
}

export const contexts: Contexts = {
  acquire() {
    const context = open();
    if (typeof context === 'string') throw new WebDNNError('backend', context);
    context.users++;
    return context;
  },
  release(context) {
    if (--context.users === 0) loseIfIdle(context);
  },
};
