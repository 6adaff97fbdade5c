/** The connection of this process, made for callers who wait: see `connectForRequests`. */
export const REDIS = Symbol('REDIS');

/** The connection that hears of changes: it can do nothing else. */
export const SUBSCRIBER = Symbol('SUBSCRIBER');
