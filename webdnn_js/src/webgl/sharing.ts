/** What the runners of one context have in common beside it: their turns, their programs, its errors. */

import { WebDNNError } from '../errors';
import { Programs } from './program';

export const LOST = 'the WebGL context was lost (the graphics driver restarted?); load the model again';

export class Sharing {
  readonly programs: Programs;
  private last: Promise<unknown> = Promise.resolve();

  private constructor(private readonly gl: WebGL2RenderingContext) {
    this.programs = new Programs(gl);
  }

  private static readonly known = new WeakMap<WebGL2RenderingContext, Sharing>();

  static of(gl: WebGL2RenderingContext): Sharing {
    const sharing = this.known.get(gl) ?? new Sharing(gl);
    this.known.set(gl, sharing);
    return sharing;
  }

  /**
   * Does `work` when all work before it has ended, and asks for errors after it: WebGL keeps them for the context as a whole, so
   * the work of two runners must not overlap, lest one be blamed for the other's.
   */
  inTurn<T>(work: () => T | Promise<T>): Promise<T> {
    const turn = this.last.then(async () => {
      this.requireContext();
      try {
        return await work();
      } finally {
        this.check();
      }
    });
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private requireContext(): void {
    if (!this.gl.isContextLost()) return;
    throw new WebDNNError('backend', LOST);
  }

  private check(): void {
    const { gl } = this;
    const error = gl.getError();
    while (gl.getError() !== gl.NO_ERROR); // there is one of each kind; the first says most
    this.requireContext();
    if (error === gl.OUT_OF_MEMORY) throw new WebDNNError('memory', 'the graphics memory is full');
    if (error !== gl.NO_ERROR) throw new WebDNNError('backend', `WebGL error 0x${error.toString(16)}`);
  }
}
