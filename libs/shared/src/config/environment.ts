import type { Environment } from './parse-config';

/** The environment of this process. The one place that reads it: everything else gets its part as a typed object. */
export function readEnvironment(): Environment {
  return process.env;
}
