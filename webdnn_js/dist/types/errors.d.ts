/** The one class of error that this runtime throws; `code` is for programs, `message` for people. */
export type ErrorCode = 'descriptor' | 'version' | 'fetch' | 'integrity' | 'option' | 'placeholder' | 'memory' | 'input' | 'busy' | 'disposed' | 'backend' | 'image';
export declare class WebDNNError extends Error {
    readonly code: ErrorCode;
    readonly name = "WebDNNError";
    /** By name: each file of the runtime that is loaded later carries a copy of this class. */
    static [Symbol.hasInstance](value: unknown): boolean;
    constructor(code: ErrorCode, message: string, options?: ErrorOptions);
}
/** The text of anything that was thrown. */
export declare const reasonOf: (thrown: unknown) => string;
/** `reason` without the name of the backend that it may begin with, for whoever writes that name before it. */
export declare const withoutName: (name: string, reason: string) => string;
/** `hint` comes last: what may have been meant, say. */
export declare function rejectUnknown(code: ErrorCode, what: string, name: string, known: readonly string[], hint?: string): never;
