/** For pages without modules: the global `WebDNN`. */
export {};
