/** The types of docs/descriptor.md, which is the explanation of this file. */

export type DType = 'float32' | 'int32' | 'uint8' | 'int8' | 'bool';
/** The class of the cells that hold elements: numbers of 32 bits, floats or integers. */
export type Storage = 'float' | 'int';
export type BackendName = 'webgpu' | 'webgl' | 'webassembly' | 'fallback';
export type Operator = '+' | '-' | '*' | '//' | '%' | 'min' | 'max';
export type Expr = number | string | readonly [Operator, Expr, Expr];

export interface FileRef {
  readonly name: string;
  readonly bytes: number;
  readonly integrity: string;
  readonly tree: string;
}

/** Compiled kernels, by the name of a variant. */
export type Files = Readonly<Record<string, FileRef>>;

/** Where the plan of a backend is, and the kernels that belong to it. */
export interface BackendFiles {
  readonly plan: FileRef;
  readonly kernels?: Files;
}

export interface TensorInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly Expr[];
}

export interface Placeholder {
  readonly minimum: number;
  readonly maximum: number | null;
}

export interface Constraint {
  readonly left: Expr;
  readonly relation: '==' | '<=';
  readonly right: Expr;
  readonly reason: string;
}

export interface Weight {
  readonly storage: Storage;
  readonly rows: number;
  readonly columns: number;
  readonly encoding: 'raw';
}

export interface Piece {
  readonly weight: number;
  readonly row: number;
  readonly rows: number;
  readonly offset: number;
}

export interface Shard {
  readonly file: FileRef;
  readonly pieces: readonly Piece[];
}

export interface Manifest {
  readonly format: 'webdnn';
  readonly version: number;
  readonly name: string;
  readonly converter: string;
  readonly placeholders: Readonly<Record<string, Placeholder>>;
  readonly constraints: readonly Constraint[];
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly weights: readonly Weight[];
  readonly shards: readonly Shard[];
  readonly backends: Readonly<Partial<Record<BackendName, BackendFiles>>>;
}

export type Buffer =
  | { readonly kind: 'weight'; readonly storage: Storage; readonly weight: number; readonly pitch: number }
  | { readonly kind: 'packed'; readonly storage: Storage; readonly elements: number }
  | {
      readonly kind: 'activation';
      readonly storage: Storage;
      readonly elements: Expr;
      readonly live: readonly [first: number, last: number];
    }
  | { readonly kind: 'state'; readonly storage: Storage; readonly elements: Expr };

export interface View {
  readonly buffer: number;
  readonly offset: Expr;
  readonly pitch: Expr;
  readonly shape: readonly Expr[];
}

export interface Step {
  readonly kernel: number;
  readonly in: readonly View[];
  readonly out: readonly View[];
  readonly args: readonly Expr[];
  readonly dispatch?: readonly Expr[];
  readonly origin: string;
}

export interface Repeat {
  readonly repeat: Expr;
  readonly body: readonly (Step | Repeat)[];
}

export interface Setup {
  readonly kernel: number;
  readonly weight: number;
  readonly out: View;
  readonly args: readonly Expr[];
  readonly dispatch?: readonly Expr[];
}

export interface Kernel {
  readonly name: string;
  /** webgpu: WGSL. webgl: GLSL ES 3.00. */
  readonly source?: string;
  /** webgpu: sources for devices with certain features, the best first; `source` is for all others. */
  readonly variants?: readonly { readonly features: readonly string[]; readonly source: string }[];
  /** webgl: how many rows a fragment computes, each for a layer of its own; 1 if not given. */
  readonly targets?: number;
  /** webgpu: how many bindings each operand has, if one has several. */
  readonly windows?: readonly number[];
  /** fallback: everything about the op that is not a size. */
  readonly attributes?: Readonly<Record<string, unknown>>;
  /** fallback: the script by which a page registers this kernel, which is none of the runtime's. */
  readonly script?: string;
}

export interface Plan {
  readonly version: number;
  readonly backend: BackendName;
  readonly buffers: readonly Buffer[];
  readonly kernels: readonly Kernel[];
  readonly setup: readonly Setup[];
  readonly steps: readonly (Step | Repeat)[];
  readonly inputs: readonly View[];
  readonly outputs: readonly View[];
  readonly memory?: { readonly maximum: number };
}
