/** A worker of the webassembly backend: answers the calls of src/webassembly/host.ts, one at a time; after `join` it is a thread of a run. */
export {};
