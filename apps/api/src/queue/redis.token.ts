/** The connection of this process, made for callers who wait: see `connectForRequests`. */
export const REDIS = Symbol('REDIS');
