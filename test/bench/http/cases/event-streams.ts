import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { readResidentBytes, type ServiceProcess } from '../../../support/service-processes';
import { forEachRound, newKeyPrefix } from '../../bench';
import type { Check } from '../../report';
import { round, show, summarize } from '../../summary';
import type { HttpBench } from '../http-bench';
import { submitMany } from '../load';
import { startService } from '../start-service';

const STREAMS = 2_000;
const LIMIT_SECONDS = 1;

/** Opened at a time. */
const BATCH = 100;

/** How long it takes until everyone knows that a query has ended, and what it costs to keep them. */
export async function eventStreams({ redisUrl, rounds }: HttpBench): Promise<Check[]> {
  const [seconds, kibibytes]: [number[], number[]] = [[], []];
  await forEachRound(rounds, async () => {
    const api = await startService(redisUrl, newKeyPrefix());
    try {
      const round = await measureRound(api);
      seconds.push(round.seconds);
      kibibytes.push(round.kibibytesPerStream);
    } finally {
      await api.end();
    }
  });
  const [told, memory] = [summarize(seconds), summarize(kibibytes)];
  return [
    {
      case: 5,
      what: `${STREAMS.toLocaleString('en')} open event streams, until all know that the query has ended`,
      ours: show(told, 's'),
      peer: `${show(memory, 'KiB')} of the API’s memory for each stream`,
      result: `${round(told.median)} s`,
      target: `within ${LIMIT_SECONDS} s`,
      met: told.median <= LIMIT_SECONDS,
    },
  ];
}

async function measureRound(api: ServiceProcess) {
  const ids = await submitMany(api.url, 1);
  const url = `${api.url}/api/queries/${ids[0]}`;
  // Nothing is warmed up: what the collector gives back of that would be taken for the streams' own. So this bounds it.
  const before = readResidentBytes(api);
  const streams: EventStream[] = [];
  while (streams.length < STREAMS) {
    streams.push(...(await Promise.all(Array.from({ length: BATCH }, () => openStream(`${url}/events`)))));
  }
  const kibibytesPerStream = (readResidentBytes(api) - before) / 1_024 / STREAMS;
  const startedAt = performance.now();
  const [answer] = await Promise.all([fetch(url, { method: 'DELETE' }), ...streams.map(({ told }) => told)]);
  const seconds = (performance.now() - startedAt) / 1_000;
  if (answer.status !== 202) throw new Error(`the query was not terminated: ${answer.status}`);
  return { seconds, kibibytesPerStream };
}

interface EventStream {
  /** Settles with the event that says that the query has ended. */
  told: Promise<void>;
}

/** Resolves when the stream's first event is there. */
async function openStream(url: string): Promise<EventStream> {
  const [answer] = (await once(get(url, { agent: false }), 'response')) as [IncomingMessage];
  answer.setEncoding('utf8');
  let text = '';
  const told = new Promise<void>((resolve, reject) => {
    answer.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('event: end\n') && text.endsWith('\n\n')) resolve();
    });
    answer.once('close', () => reject(new Error(`a stream closed without its last event: ${text}`)));
  });
  await Promise.race([once(answer, 'data'), told]);
  return { told };
}
