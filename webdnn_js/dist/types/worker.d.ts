/** A worker of the webassembly backend: answers the calls of src/webassembly/host.ts, one at a time; after `serve` it is a thread of every run. */
export {};
