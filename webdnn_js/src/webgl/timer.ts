/** Time of each step: measured by the device where it can, else by waiting for every step. */

import { poll } from './polling';
import type { Texture } from './texture';

const TIME_ELAPSED = 0x88bf;

export class Timer {
  private readonly onDevice: boolean;
  private readonly queries: WebGLQuery[] = [];
  private readonly waits: number[] = [];

  constructor(private readonly gl: WebGL2RenderingContext) {
    this.onDevice = gl.getExtension('EXT_disjoint_timer_query_webgl2') !== null;
  }

  /** `work` draws into `output`. */
  measure(work: () => void, output: Texture): void {
    const { gl } = this;
    if (this.onDevice) {
      const query = gl.createQuery();
      this.queries.push(query);
      gl.beginQuery(TIME_ELAPSED, query);
      work();
      gl.endQuery(TIME_ELAPSED);
    } else {
      const start = performance.now();
      work();
      output.wait();
      this.waits.push(performance.now() - start);
    }
  }

  /** Milliseconds, in order. */
  async results(): Promise<number[]> {
    const { gl } = this;
    for (const query of this.queries) {
      await poll(() => gl.isContextLost() || (gl.getQueryParameter(query, gl.QUERY_RESULT_AVAILABLE) as boolean));
      this.waits.push(Number(gl.getQueryParameter(query, gl.QUERY_RESULT)) / 1e6);
      gl.deleteQuery(query);
    }
    return this.waits;
  }
}
