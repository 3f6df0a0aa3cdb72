/** A WebGL 2 context that can render to floating-point textures. */

import { WebDNNError } from '../errors';

export interface Context {
  readonly gl: WebGL2RenderingContext;
  /** Of the textures: RGBA32F, or RGBA16F where nothing better can be rendered to. */
  readonly format: number;
  readonly precision: 'float32' | 'float16';
}

const ATTRIBUTES: WebGLContextAttributes = {
  alpha: false,
  antialias: false,
  depth: false,
  powerPreference: 'high-performance',
};

/** undefined where there is no canvas, null where the canvas has no WebGL 2. */
function webgl2(): WebGL2RenderingContext | null | undefined {
  // Each class of canvas is asked by itself: getContext is overloaded, and for a union of the two TypeScript has found
  // its result or not, depending on the order in which files were checked.
  if (typeof OffscreenCanvas !== 'undefined') return new OffscreenCanvas(1, 1).getContext('webgl2', ATTRIBUTES);
  if (typeof document !== 'undefined') return document.createElement('canvas').getContext('webgl2', ATTRIBUTES);
  return undefined;
}

/** A context, or the reason why there is none. */
function tryContext(): Context | string {
  const gl = webgl2();
  if (gl === undefined) return 'there is no canvas here (WebGL needs a page or a worker of a browser)';
  if (!gl) return 'this browser or its graphics driver does not offer WebGL 2';
  if (gl.getExtension('EXT_color_buffer_float')) return { gl, format: gl.RGBA32F, precision: 'float32' };
  if (gl.getExtension('EXT_color_buffer_half_float')) return { gl, format: gl.RGBA16F, precision: 'float16' };
  release(gl);
  return 'this device cannot render to floating-point textures (EXT_color_buffer_float)';
}

/** A page has few contexts (16 in Chromium): unused ones are given back at once. */
export const release = (gl: WebGL2RenderingContext): void => gl.getExtension('WEBGL_lose_context')?.loseContext();

let reason: string | undefined;
let probed = false;

/** Why this browser cannot; undefined if it can. Asked once a page. */
export function reasonAgainst(): string | undefined {
  if (!probed) {
    const context = tryContext();
    if (typeof context === 'string') reason = context;
    else release(context.gl);
    probed = true;
  }
  return reason;
}

export function makeContext(): Context {
  const context = tryContext();
  if (typeof context === 'string') throw new WebDNNError('backend', context);
  if (context.precision === 'float16') {
    console.warn('WebDNN: this device renders to 16-bit floating-point textures only; results have about 3 digits');
  }
  return context;
}

/** The graphics card's name, where the browser tells it. */
export function rendererName(gl: WebGL2RenderingContext): string {
  const names = gl.getExtension('WEBGL_debug_renderer_info');
  return String(gl.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
}
