/** The worker of the webassembly backend: answers the page's calls; after `join` it is a thread of a run. */
export {};
