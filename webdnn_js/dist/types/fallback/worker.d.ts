/** The worker of the fallback backend. */
export {};
