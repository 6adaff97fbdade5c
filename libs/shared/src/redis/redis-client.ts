import type { Cluster, Redis } from 'ioredis';

/**
 * A connection to Redis, be it one server, the primary that Sentinel names, or a cluster. A cluster sends a command to
 * the server that holds its keys, and one that names no key to any: see `pipelineAt`.
 */
export type RedisClient = Redis | Cluster;
