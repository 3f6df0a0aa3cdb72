/** A WebGL 2 context that can render to floating-point textures. */

import { WebDNNError } from '../errors';

export interface Context {
  readonly gl: WebGL2RenderingContext;
  /** Of the textures: RGBA32F, or RGBA16F where nothing better can be rendered to. */
  readonly format: number;
  readonly precision: 'float32' | 'float16';
}

function makeCanvas(): OffscreenCanvas | HTMLCanvasElement | undefined {
  if (typeof OffscreenCanvas !== 'undefined') return new OffscreenCanvas(1, 1);
  return typeof document === 'undefined' ? undefined : document.createElement('canvas');
}

/** A context, or the reason why there is none. */
function tryContext(): Context | string {
  const canvas = makeCanvas();
  if (!canvas) return 'there is no canvas here (WebGL needs a page or a worker of a browser)';
  const gl = canvas.getContext('webgl2', {
    alpha: false,
    antialias: false,
    depth: false,
    powerPreference: 'high-performance',
  });
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
