/** Shaders → programs, shared by all runners of a context. All compile at once, where the browser can, before the first is asked for. */

import { WebDNNError } from '../errors';
import { poll } from './polling';

export interface Program {
  readonly handle: WebGLProgram;
  readonly parameters: WebGLUniformLocation | null;
  readonly spans: WebGLUniformLocation | null;
  readonly layer: WebGLUniformLocation | null;
}

interface Entry {
  readonly handle: WebGLProgram;
  readonly program: Promise<Program>;
  users: number;
}

/** One triangle that covers the viewport. */
const VERTEX_SHADER = `#version 300 es
void main() {
  gl_Position = vec4(float(gl_VertexID & 1) * 4.0 - 1.0, float(gl_VertexID & 2) * 2.0 - 1.0, 0.0, 1.0);
}`;
const MOST_INPUTS = 16;

function compile(gl: WebGL2RenderingContext, type: number, source: string): WebGLShader {
  const shader = gl.createShader(type);
  if (!shader) throw new WebDNNError('backend', 'the WebGL context was lost; load the model again');
  gl.shaderSource(shader, source);
  gl.compileShader(shader);
  return shader;
}

/** The programs of a context, by the text of their fragment shaders. Each is deleted when the last runner gives it back. */
export class Programs {
  private readonly entries = new Map<string, Entry>();
  private readonly vertex: WebGLShader;
  private readonly parallel: KHR_parallel_shader_compile | null;

  constructor(private readonly gl: WebGL2RenderingContext) {
    this.parallel = gl.getExtension('KHR_parallel_shader_compile');
    this.vertex = compile(gl, gl.VERTEX_SHADER, VERTEX_SHADER);
  }

  /** Begins to compile `source`, unless that has been done; `name` is for messages. To be given back by `release`. */
  acquire(source: string, name: string): Promise<Program> {
    const entry = this.entries.get(source) ?? this.begin(source, name);
    entry.users++;
    return entry.program;
  }

  release(source: string): void {
    const entry = this.entries.get(source)!;
    if (--entry.users) return;
    this.gl.deleteProgram(entry.handle);
    this.entries.delete(source);
  }

  private begin(source: string, name: string): Entry {
    const { gl, vertex } = this;
    const fragment = compile(gl, gl.FRAGMENT_SHADER, source);
    const handle = gl.createProgram();
    gl.attachShader(handle, vertex);
    gl.attachShader(handle, fragment);
    gl.linkProgram(handle);
    const entry = { handle, program: this.finish(source, name, fragment, handle), users: 0 };
    entry.program.catch(() => undefined); // whoever asked for it is told
    this.entries.set(source, entry);
    return entry;
  }

  private async finish(source: string, name: string, fragment: WebGLShader, handle: WebGLProgram): Promise<Program> {
    const { gl, parallel } = this;
    const given = (): boolean => this.entries.get(source)?.handle !== handle;
    await Promise.resolve(); // until then, it is not among the entries
    await poll(() => {
      if (given() || gl.isContextLost() || !parallel) return true;
      return gl.getProgramParameter(handle, parallel.COMPLETION_STATUS_KHR) as boolean;
    });
    try {
      if (given()) throw new WebDNNError('disposed', 'the runner was disposed of while its shaders were compiled');
      if (!gl.getProgramParameter(handle, gl.LINK_STATUS)) {
        const log = gl.getShaderInfoLog(fragment) || gl.getProgramInfoLog(handle) || 'no reason given';
        throw new WebDNNError('backend', `the driver refuses the shader ${name}: ${log.trim()}`);
      }
    } finally {
      gl.deleteShader(fragment);
    }
    gl.useProgram(handle);
    for (let k = 0; k < MOST_INPUTS; k++) gl.uniform1i(gl.getUniformLocation(handle, `in${k}`), k);
    const [parameters, spans, layer] = ['p', 'span', 'layer'].map((name) => gl.getUniformLocation(handle, name));
    return { handle, parameters: parameters!, spans: spans!, layer: layer! };
  }
}
