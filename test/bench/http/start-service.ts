import { type ServiceProcess, startApi, waitUntilReady } from '../../support/service-processes';

/** As high as they go: they are still counted in Redis for every request, which is part of the cost. */
const HIGHEST_LIMITS = {
  SUBMISSIONS_PER_MINUTE: '1000000',
  LIVE_QUERIES_PER_CALLER: '1000000',
  POLLS_PER_MINUTE: '1000000',
  REQUESTS_PER_MINUTE: '1000000',
  EVENT_STREAMS_PER_CALLER: '1000000',
};

/** Starts the built API and waits until it is ready. */
export async function startService(redisUrl: string, keyPrefix: string): Promise<ServiceProcess> {
  const api = await startApi({ REDIS_URL: redisUrl, KEY_PREFIX: keyPrefix, ...HIGHEST_LIMITS });
  try {
    await waitUntilReady(api);
    return api;
  } catch (error) {
    await api.end();
    throw error;
  }
}
