/** WebDNN: runs networks that were compiled ahead of time. */

export { getBackendAvailability, type BackendAvailability } from './availability';
export { getConfiguration, setConfiguration } from './configuration';
export { WebDNNError, type ErrorCode } from './errors';
export * as Image from './image';
export { load } from './load';
export * as Math from './math';
export type { LoadOptions } from './options';
export type { BackendName, DType, Expr } from './plan';
export { registerKernel, type RegisteredKernel } from './registered';
export type { FallThrough, Runner } from './runner';
export type { StepTime } from './backend';
export type { TypedArray } from './dtypes';
export type { TensorView } from './tensor_view';
export { version } from './version';
