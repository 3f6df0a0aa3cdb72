/** Shaders → programs. All compile at once, where the browser can, before the first is asked for. */
import type { Kernel } from '../plan.js';
export interface Program {
    readonly handle: WebGLProgram;
    readonly parameters: WebGLUniformLocation | null;
    readonly layer: WebGLUniformLocation | null;
}
/** Programs by kernel index, of the kernels that `used` names. */
export declare function makePrograms(gl: WebGL2RenderingContext, kernels: readonly Kernel[], used: ReadonlySet<number>): Promise<Map<number, Program>>;
