/** The GPU device of one model. */
/** Why there is no device, or undefined. */
export declare function noDevice(): Promise<string | undefined>;
export interface Device {
    readonly device: GPUDevice;
    readonly info: Readonly<Record<string, unknown>>;
}
/** A device whose buffers may be as large as the adapter allows; timestamps too, if it has them, for `profile`. */
export declare function openDevice(powerPreference: unknown): Promise<Device>;
