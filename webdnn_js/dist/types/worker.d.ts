/** The worker of the webassembly backend: answers the calls of src/webassembly/host.ts, one at a time. */
export {};
