/** Shaders → programs. All compile at once, where the browser can, before the first is asked for. */

import { WebDNNError } from '../errors';
import type { Kernel } from '../plan';

export interface Program {
  readonly handle: WebGLProgram;
  readonly parameters: WebGLUniformLocation | null;
  readonly layer: WebGLUniformLocation | null;
}

/** One triangle that covers the viewport. */
const VERTEX_SHADER = `#version 300 es
void main() {
  gl_Position = vec4(float(gl_VertexID & 1) * 4.0 - 1.0, float(gl_VertexID & 2) * 2.0 - 1.0, 0.0, 1.0);
}`;
const MOST_INPUTS = 16;
const POLL_MILLISECONDS = 4;

function compile(gl: WebGL2RenderingContext, type: number, source: string): WebGLShader {
  const shader = gl.createShader(type);
  if (!shader) throw new WebDNNError('backend', 'the WebGL context was lost');
  gl.shaderSource(shader, source);
  gl.compileShader(shader);
  return shader;
}

function finish(gl: WebGL2RenderingContext, name: string, fragment: WebGLShader, handle: WebGLProgram): Program {
  if (!gl.getProgramParameter(handle, gl.LINK_STATUS)) {
    const log = gl.getShaderInfoLog(fragment) || gl.getProgramInfoLog(handle) || 'no reason given';
    throw new WebDNNError('backend', `the driver refuses the shader ${name}: ${log.trim()}`);
  }
  gl.deleteShader(fragment);
  gl.useProgram(handle);
  for (let k = 0; k < MOST_INPUTS; k++) gl.uniform1i(gl.getUniformLocation(handle, `in${k}`), k);
  return { handle, parameters: gl.getUniformLocation(handle, 'p'), layer: gl.getUniformLocation(handle, 'layer') };
}

/** Programs by kernel index, of the kernels that `used` names. */
export async function makePrograms(
  gl: WebGL2RenderingContext,
  kernels: readonly Kernel[],
  used: ReadonlySet<number>,
): Promise<Map<number, Program>> {
  const parallel = gl.getExtension('KHR_parallel_shader_compile');
  const vertex = compile(gl, gl.VERTEX_SHADER, VERTEX_SHADER);
  const pending = [...used].map((index) => {
    const fragment = compile(gl, gl.FRAGMENT_SHADER, kernels[index]!.source ?? '');
    const handle = gl.createProgram();
    gl.attachShader(handle, vertex);
    gl.attachShader(handle, fragment);
    gl.linkProgram(handle);
    return { index, fragment, handle };
  });
  const programs = new Map<number, Program>();
  for (const { index, fragment, handle } of pending) {
    while (parallel && !gl.isContextLost() && !gl.getProgramParameter(handle, parallel.COMPLETION_STATUS_KHR)) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
    }
    programs.set(index, finish(gl, kernels[index]!.name, fragment, handle));
  }
  gl.deleteShader(vertex);
  return programs;
}
