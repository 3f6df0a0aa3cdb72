/** Shaders → programs, shared by all runners of a context. All compile at once, where the browser can, before the first is asked for. */
export interface Program {
    readonly handle: WebGLProgram;
    readonly parameters: WebGLUniformLocation | null;
    readonly spans: WebGLUniformLocation | null;
    readonly layer: WebGLUniformLocation | null;
}
/** The programs of a context, by the text of their fragment shaders. Each is deleted when the last runner gives it back. */
export declare class Programs {
    private readonly gl;
    private readonly entries;
    private readonly vertex;
    private readonly parallel;
    constructor(gl: WebGL2RenderingContext);
    /** Begins to compile `source`, unless that has been done; `name` is for messages. To be given back by `release`. */
    acquire(source: string, name: string): Promise<Program>;
    release(source: string): void;
    private begin;
    private finish;
}
