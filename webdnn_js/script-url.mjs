// A classic script has no import.meta; its address is known only while it runs for the first time.
// build.mjs puts this value wherever the sources of a classic script say `import.meta.url`.
export const scriptUrl = globalThis.document?.currentScript?.src ?? globalThis.location?.href;
