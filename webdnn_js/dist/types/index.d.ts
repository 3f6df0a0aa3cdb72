/** WebDNN: runs networks that were compiled ahead of time. */
export { getBackendAvailability, type BackendAvailability } from './availability.js';
export { getConfiguration, setConfiguration } from './configuration.js';
export { WebDNNError, type ErrorCode } from './errors.js';
export * as Image from './image/index.js';
export { load } from './load.js';
export * as Math from './math.js';
export type { LoadOptions } from './options.js';
export type { BackendName, DType, Expr } from './plan.js';
export { registerKernel, type RegisteredKernel } from './registered.js';
export type { FallThrough, Runner } from './runner.js';
export type { StepTime } from './backend.js';
export type { TypedArray } from './dtypes.js';
export type { TensorView } from './tensor_view.js';
export { version } from './version.js';
