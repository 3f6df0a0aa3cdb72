/** Values that WebDNN 1 kept for pages, by name. This version reads none of them: what can be set is an option of `load`. */
/** What was set as `key`, else `defaultValue`. */
export declare const getConfiguration: <T>(key: string, defaultValue?: T) => T;
export declare function setConfiguration(key: string, value: unknown): void;
