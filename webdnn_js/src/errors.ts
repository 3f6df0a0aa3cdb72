/** The one class of error that this runtime throws; `code` is for programs, `message` for people. */

export type ErrorCode =
  | 'descriptor' // a manifest or plan that docs/descriptor.md does not allow
  | 'version' // a Descriptor newer than this runtime
  | 'fetch' // network, HTTP or file system
  | 'integrity' // a truncated or altered file
  | 'option' // an argument of the page is wrong
  | 'placeholder' // unset, unknown, out of bounds, or against a constraint
  | 'memory' // more memory than the plan may use
  | 'input' // values that do not fit an input
  | 'busy' // two calls at once on one runner
  | 'disposed'
  | 'backend' // a backend could not start, or failed while it ran
  | 'image';

export class WebDNNError extends Error {
  override readonly name = 'WebDNNError';

  /** By name: each file of the runtime that is loaded later carries a copy of this class. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof Error && value.name === 'WebDNNError';
  }

  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The text of anything that was thrown. */
export const reasonOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

/** `reason` without the name of the backend that it may begin with, for whoever writes that name before it. */
export const withoutName = (name: string, reason: string): string =>
  reason.startsWith(`${name}: `) ? reason.slice(name.length + 2) : reason;

/** `hint` comes last: what may have been meant, say. */
export function rejectUnknown(code: ErrorCode, what: string, name: string, known: readonly string[], hint = ''): never {
  throw new WebDNNError(code, `unknown ${what} '${name}'; known: ${known.join(', ') || 'none'}${hint}`);
}
