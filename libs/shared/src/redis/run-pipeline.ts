import type { ChainableCommander } from 'ioredis';

/** The replies of several commands in one round trip; the first that is an error is thrown. */
export async function runPipeline<T>(pipeline: ChainableCommander): Promise<T[]> {
  const replies = (await pipeline.exec()) ?? [];
  return replies.map(([error, reply]) => {
    if (error) throw error;
    return reply as T;
  });
}
