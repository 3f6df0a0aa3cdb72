/**
 * A buffer in a texture array: texel t holds elements 4t … 4t + 3 and stands at x = t mod 2048, y = (t div 2048) mod 2048,
 * layer = t div 2048². A texture has just the columns, rows and layers that it needs.
 */

const FOLD = 2048;
const LAYER = FOLD * FOLD;

export interface Rectangle {
  readonly layer: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Its first texel. */
  readonly first: number;
}

/** Texels first … last, both inclusive, as rectangles: at most a broken row, whole rows, a broken row in every layer. */
export function rectangles(first: number, last: number): Rectangle[] {
  const result: Rectangle[] = [];
  for (let texel = first; texel <= last;) {
    const x = texel % FOLD;
    const y = Math.floor(texel / FOLD) % FOLD;
    const whole = x === 0 ? Math.floor((last + 1 - texel) / FOLD) : 0;
    const width = whole ? FOLD : Math.min(FOLD - x, last + 1 - texel);
    const height = whole ? Math.min(whole, FOLD - y) : 1;
    result.push({ layer: Math.floor(texel / LAYER), x, y, width, height, first: texel });
    texel += width * height;
  }
  return result;
}

export class Texture {
  readonly handle: WebGLTexture;
  private readonly framebuffers: WebGLFramebuffer[] = [];

  constructor(
    private readonly gl: WebGL2RenderingContext,
    format: number,
    elements: number,
  ) {
    const texels = Math.max(1, Math.ceil(elements / 4));
    const rows = Math.ceil(texels / FOLD);
    this.handle = gl.createTexture();
    this.bind();
    gl.texStorage3D(
      gl.TEXTURE_2D_ARRAY,
      1,
      format,
      Math.min(texels, FOLD),
      Math.min(rows, FOLD),
      Math.ceil(rows / FOLD),
    );
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
    const { gl } = this;
    const known = this.framebuffers[layer];
    gl.bindFramebuffer(gl.FRAMEBUFFER, known ?? (this.framebuffers[layer] = gl.createFramebuffer()));
    if (!known) gl.framebufferTextureLayer(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, this.handle, 0, layer);
  }

  /** Stores `data`, whole texels, from element `offset` on. */
  write(offset: number, data: Float32Array): void {
    const { gl } = this;
    this.bind();
    const start = offset / 4;
    for (const { layer, x, y, width, height, first } of rectangles(start, start + data.length / 4 - 1)) {
      const at = (first - start) * 4;
      // prettier-ignore
      gl.texSubImage3D(gl.TEXTURE_2D_ARRAY, 0, x, y, layer, width, height, 1, gl.RGBA, gl.FLOAT, data, at);
    }
  }

  /** Copies `length` elements, whole texels, from element `offset` on into the pixel-pack buffer that is bound. */
  read(offset: number, length: number): void {
    const { gl } = this;
    const start = offset / 4;
    for (const { layer, x, y, width, height, first } of rectangles(start, start + length / 4 - 1)) {
      this.target(layer);
      gl.readPixels(x, y, width, height, gl.RGBA, gl.FLOAT, (first - start) * 16);
    }
  }

  dispose(): void {
    for (const framebuffer of this.framebuffers) this.gl.deleteFramebuffer(framebuffer);
    this.gl.deleteTexture(this.handle);
  }
}
