/** Values that WebDNN 1 kept for pages, by name. This version reads none of them: what can be set is an option of `load`. */

const values = new Map<string, unknown>();

/** What was set as `key`, else `defaultValue`. */
export const getConfiguration = <T>(key: string, defaultValue?: T): T =>
  (values.has(key) ? values.get(key) : defaultValue) as T;

export function setConfiguration(key: string, value: unknown): void {
  values.set(key, value);
}
