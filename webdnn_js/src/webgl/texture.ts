/**
 * Buffers in texture arrays. Texel t of a buffer holds its elements 4t … 4t + 3. It stands in layer t div `span`, and there, with
 * r = t mod `span`, at x = r mod 2048 and y = r div 2048. Each buffer has a `span` of its own (layout.ts).
 */

import type { Cells } from '../backend';
import { WebDNNError } from '../errors';
import type { Format } from './context';

export const FOLD = 2048;
/** Every WebGL 2 device has textures of 2048 rows. */
export const MOST_SPAN = FOLD * FOLD;
/** Every WebGL 2 device draws into as many layers at once. */
export const TARGETS = 4;
const ALL = [0, 1, 2, 3];

export interface Rectangle {
  readonly layer: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Its first texel. */
  readonly first: number;
}

/** Texels first … last, both inclusive, as rectangles: in each layer at most a part of a row, whole rows, and a part of a row. */
export function rectangles(first: number, last: number, span: number): Rectangle[] {
  const result: Rectangle[] = [];
  for (let texel = first; texel <= last;) {
    const layer = Math.floor(texel / span);
    const place = texel - layer * span;
    const left = Math.min(last + 1, (layer + 1) * span) - texel;
    const x = place % FOLD;
    const whole = x === 0 ? Math.floor(left / FOLD) : 0;
    const width = whole ? FOLD : Math.min(FOLD - x, left);
    const height = whole || 1;
    result.push({ layer, x, y: Math.floor(place / FOLD), width, height, first: texel });
    texel += width * height;
  }
  return result;
}

export class Texture {
  readonly handle: WebGLTexture;
  /** One for each layer; and behind these, one for the first four layers together. */
  private readonly framebuffers: (WebGLFramebuffer | undefined)[] = [];

  /** With room for `span` texels in each of its layers. */
  constructor(
    private readonly gl: WebGL2RenderingContext,
    private readonly format: Format,
    span: number,
    private readonly layers: number,
  ) {
    const width = Math.min(span, FOLD);
    const height = Math.ceil(span / FOLD);
    const most = [gl.getParameter(gl.MAX_TEXTURE_SIZE), gl.getParameter(gl.MAX_ARRAY_TEXTURE_LAYERS)] as number[];
    if (height > most[0]! || layers > most[1]!) {
      const want = `${width} × ${height} × ${layers}`;
      throw new WebDNNError(
        'memory',
        `a texture of ${want} texels; this device has ${most[0]} rows, ${most[1]} layers`,
      );
    }
    this.handle = gl.createTexture();
    this.bind();
    gl.texStorage3D(gl.TEXTURE_2D_ARRAY, 1, format.internal, width, height, layers);
    for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) {
      gl.texParameteri(gl.TEXTURE_2D_ARRAY, name, gl.NEAREST);
    }
  }

  private bind(): void {
    this.gl.activeTexture(this.gl.TEXTURE0);
    this.gl.bindTexture(this.gl.TEXTURE_2D_ARRAY, this.handle);
  }

  /** Renders into `layer` from now on; reads pixels from it, too. */
  target(layer: number): void {
    this.attach(layer, [layer]);
  }

  /** Renders into the first four layers at once. */
  targetAll(): void {
    this.attach(this.layers, ALL);
  }

  private attach(index: number, layers: readonly number[]): void {
    const { gl } = this;
    const known = this.framebuffers[index];
    gl.bindFramebuffer(gl.FRAMEBUFFER, known ?? (this.framebuffers[index] = gl.createFramebuffer()));
    if (known) return;
    const points = layers.map((layer, k) => {
      const point = gl.COLOR_ATTACHMENT0 + k;
      gl.framebufferTextureLayer(gl.FRAMEBUFFER, point, this.handle, 0, layer);
      return point;
    });
    gl.drawBuffers(points);
  }

  /** Stores `data`, whole texels, from element `offset` on, in a buffer with `span`. */
  write(offset: number, data: Cells, span: number): void {
    const { gl } = this;
    const { format, type } = this.format;
    this.bind();
    const start = offset / 4;
    for (const { layer, x, y, width, height, first } of rectangles(start, start + data.length / 4 - 1, span)) {
      const at = (first - start) * 4;
      // prettier-ignore
      gl.texSubImage3D(gl.TEXTURE_2D_ARRAY, 0, x, y, layer, width, height, 1, format, type, data, at);
    }
  }

  /** Copies `length` elements, whole texels, from element `offset` on into the pixel-pack buffer that is bound. */
  read(offset: number, length: number, span: number): void {
    const { gl } = this;
    const { format, type } = this.format;
    const start = offset / 4;
    for (const { layer, x, y, width, height, first } of rectangles(start, start + length / 4 - 1, span)) {
      this.target(layer);
      gl.readPixels(x, y, width, height, format, type, (first - start) * 16);
    }
  }

  /** Waits until it holds what was drawn into it last: `finish` does not wait in every browser, but to read a pixel does. */
  wait(): void {
    const { gl } = this;
    const { format, type } = this.format;
    gl.readPixels(0, 0, 1, 1, format, type, new (type === gl.FLOAT ? Float32Array : Int32Array)(4));
  }

  /** Makes all of it zero. */
  clear(): void {
    const { gl } = this;
    const zeros = [0, 0, 0, 0];
    for (let layer = 0; layer < this.layers; layer++) {
      this.target(layer);
      if (this.format.type === gl.INT) gl.clearBufferiv(gl.COLOR, 0, zeros);
      else gl.clearBufferfv(gl.COLOR, 0, zeros);
    }
  }

  dispose(): void {
    for (const framebuffer of this.framebuffers) if (framebuffer) this.gl.deleteFramebuffer(framebuffer);
    this.gl.deleteTexture(this.handle);
  }
}
