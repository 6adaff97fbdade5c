import { Redis } from 'ioredis';
import type { ServiceProcess } from '../../../support/service-processes';
import { forEachRound, newKeyPrefix } from '../../bench';
import type { Check } from '../../report';
import { compareRounds, type HttpBench } from '../http-bench';
import { measureStatus, measureSubmissions, submitMany } from '../load';
import { type Peer, startPeer } from '../peer';
import { startPostgres } from '../postgres-server';
import { openRawQueue, type RawQueue } from '../raw-queue';
import { startService } from '../start-service';

const ASKED_FOR = 100;
const WARM_UP_SECONDS = 2;

/** Undefined: there is no PostgreSQL on this machine. */
type Contestants = Record<'ours' | 'raw' | 'express' | 'node', Contestant> & Record<'pgBoss', Contestant | undefined>;

/** Calls a second. */
type Contestant = (seconds: number) => Promise<number>;

interface Services {
  api: ServiceProcess;
  express: Peer;
  node: Peer;
  pgBoss: Peer | undefined;
  raw: RawQueue;
  redis: Redis;
}

export function submit(bench: HttpBench): Promise<Check[]> {
  return withServices(bench, async ({ api, express, node, pgBoss, raw, redis }) => {
    // A queue that grows all the time would make each turn another case.
    const emptied = (contestant: Contestant) => async (seconds: number) => {
      const rate = await contestant(seconds);
      await redis.flushdb();
      return rate;
    };
    const rates = await measure(bench, {
      ours: emptied((seconds) => measureSubmissions(api.url, seconds)),
      raw: emptied((seconds) => raw.measureAdd(seconds)),
      express: emptied((seconds) => measureSubmissions(express.url, seconds)),
      node: emptied((seconds) => measureSubmissions(node.url, seconds)),
      pgBoss: pgBoss && ((seconds) => measureSubmissions(pgBoss.url, seconds)),
    });
    return toChecks(1, 'submit', 'Queue.add', rates, { raw: 0.2, express: 3, pgBoss: 4 });
  });
}

export function status(bench: HttpBench): Promise<Check[]> {
  return withServices(bench, async ({ api, express, node, pgBoss, raw }) => {
    const rawIds = await raw.fill(ASKED_FOR);
    const toContestant = async ({ url }: { url: string }): Promise<Contestant> => {
      const ids = await submitMany(url, ASKED_FOR);
      return (seconds) => measureStatus(url, ids, seconds);
    };
    const rates = await measure(bench, {
      ours: await toContestant(api),
      raw: (seconds) => raw.measureGetJob(rawIds, seconds),
      express: await toContestant(express),
      node: await toContestant(node),
      pgBoss: pgBoss && (await toContestant(pgBoss)),
    });
    return toChecks(2, 'status', 'getJob', rates, { raw: 0.35, express: 3, pgBoss: 2.5 });
  });
}

async function withServices<T>({ redisUrl }: HttpBench, work: (services: Services) => Promise<T>): Promise<T> {
  const stops: (() => Promise<unknown>)[] = [];
  const started = async <S>(starting: Promise<S> | S, stop: (service: S) => Promise<unknown>): Promise<S> => {
    const service = await starting;
    stops.unshift(() => stop(service));
    return service;
  };
  const stopPeer = (peer: { stop(): Promise<void> } | undefined) => Promise.resolve(peer?.stop());
  try {
    const redis = await started(new Redis(redisUrl), (one) => one.quit());
    const raw = await started(openRawQueue(redisUrl, newKeyPrefix()), (one) => one.close());
    const api = await started(startService(redisUrl, newKeyPrefix()), (one) => one.end());
    const express = await started(startPeer('express', redisUrl, newKeyPrefix()), stopPeer);
    const node = await started(startPeer('node', redisUrl, newKeyPrefix()), stopPeer);
    const postgres = await started(startPostgres(), stopPeer);
    const pgBoss = postgres && (await started(startPeer('pg-boss', postgres.url), stopPeer));
    return await work({ api, express, node, pgBoss, raw, redis });
  } finally {
    for (const stop of stops) await stop();
  }
}

type Rates = Record<keyof Contestants, number[]>;

/** Every contestant in every round, in turns, so that all have the same share of what else this machine does. */
async function measure({ rounds, seconds }: HttpBench, contestants: Contestants): Promise<Rates> {
  const rates: Rates = { ours: [], raw: [], express: [], node: [], pgBoss: [] };
  const names = Object.keys(rates) as (keyof Contestants)[];
  for (const name of names) await contestants[name]?.(WARM_UP_SECONDS);
  await forEachRound(rounds, async (round) => {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const rate = await contestants[name]?.(seconds);
      if (rate !== undefined) rates[name].push(rate);
    }
  });
  return rates;
}

function toChecks(
  number: number,
  endpoint: string,
  call: string,
  { ours, raw, express, node, pgBoss }: Rates,
  targets: Record<'raw' | 'express' | 'pgBoss', number>,
): Check[] {
  const toCheck = (what: string, peer: number[], atLeast?: number) => {
    const target = atLeast === undefined ? undefined : { atLeast };
    return compareRounds({ case: number, what: `${endpoint}, beside ${what}`, unit: '/s', ours, peer, target });
  };
  if (pgBoss.length === 0) console.log('   There is no PostgreSQL on this machine: pg-boss is left out.');
  return [
    toCheck(`a loop of raw ${call}`, raw, targets.raw),
    toCheck('Nest + Express + ValidationPipe', express, targets.express),
    toCheck('Node’s own listener with BullMQ and nothing else', node),
    ...(pgBoss.length === 0 ? [] : [toCheck('pg-boss', pgBoss, targets.pgBoss)]),
  ];
}
