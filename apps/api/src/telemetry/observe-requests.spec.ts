import createServer from 'fastify';
import { describe, expect, it } from 'vitest';
import { Metrics } from '#shared/process/metrics';
import { observeRequests } from './observe-requests';

const NAME = 'audit_query_http_request_duration_seconds';

function createListener() {
  const metrics = new Metrics('api');
  const fastify = createServer();
  observeRequests(metrics, fastify);
  fastify.get('/status/:code', (request, reply) =>
    reply.status(Number((request.params as { code: string }).code)).send(),
  );
  const readLines = async (suffix: string) =>
    (await metrics.render()).split('\n').filter((line) => line.startsWith(`${NAME}_${suffix}{`));
  return { fastify, readLines };
}

describe('the duration of requests', () => {
  it('counts an answer in every bucket whose bound it keeps, and its seconds', async () => {
    const { fastify, readLines } = createListener();
    await fastify.inject('/status/200');
    const bounds = (await readLines('bucket')).map((line) => /le="([^"]+)"/.exec(line)?.[1]);
    expect(bounds).toEqual(['0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '10', '60', '+Inf']);
    expect((await readLines('bucket')).at(-1)).toMatch(/ 1$/);
    expect(Number((await readLines('sum'))[0]?.split(' ').at(-1))).toBeGreaterThan(0);
  });

  it('is counted by status class, and apart where the client asked to wait', async () => {
    const { fastify, readLines } = createListener();
    await fastify.inject('/status/200?wait=1');
    await fastify.inject('/status/304');
    await fastify.inject('/status/503');
    const series = (await readLines('count')).map((line) => [
      ...['method', 'route', 'status', 'held', 'app'].map((label) => new RegExp(`${label}="([^"]+)"`).exec(line)?.[1]),
      line.split(' ').at(-1),
    ]);
    expect(series).toEqual([
      ['GET', '/status/:code', '2xx', 'true', 'api', '1'],
      ['GET', '/status/:code', '3xx', 'false', 'api', '1'],
      ['GET', '/status/:code', '5xx', 'false', 'api', '1'],
    ]);
  });

  it('has no time series before the first answer', async () => {
    expect(await createListener().readLines('count')).toEqual([]);
  });
});
