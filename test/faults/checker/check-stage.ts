import type { History } from '../harness/history';
import { profile } from '../harness/profile';
import type { Stage, StageRedis } from '../harness/stage';
import { findBackwardSteps, findUnfinished, findUnforeseenEnds } from './find-wrong-statuses';
import { findDoubledQueries, findLeaksToOthers, findWrongQueries } from './find-wrong-queries';
import { findLateExits } from './find-wrong-processes';
import { findLeftovers } from './find-leftovers';
import { findSecrets } from './find-secrets';
import { findUnwantedPages, readOutcomes } from './find-unwanted-pages';
import { findWrongCounts } from './find-wrong-counts';
import { findWrongRefusals, type RefusalLimits } from './find-wrong-refusals';

const KEY_PREFIX = '{audit-query}';

export interface CheckOptions extends RefusalLimits {
  /** Redis loses acknowledged writes, so that accepted queries may be unknown later. */
  mayBeLost?: boolean;
  /** The codes with which queries may fail, since the test causes them. */
  mayFailAs?: readonly string[];
  /** The test removes jobs from the queue itself, which leaves their entries in the lists of live queries. */
  mayBeTakenOff?: boolean;
}

/** @returns The violations, in sentences that begin with the number of the rule. */
export async function checkStage(stage: Stage<StageRedis>, options: CheckOptions = {}): Promise<string[]> {
  const { history, double, redis } = stage;
  return [
    ...findUnfinished(history, { ...options, limitMs: profile.settleMs }),
    ...findUnforeseenEnds(history, options),
    ...findBackwardSteps(history, options),
    ...(await findWrongCounts(history, ({ start, end }) => double.truth('audit', start, end))),
    ...findDoubledQueries(history, options),
    ...findWrongQueries(history),
    ...findLeaksToOthers(history),
    ...(await findLeftovers(redis.client, KEY_PREFIX, countHalfWay(history, options))),
    ...findSecrets(await listPlaces(stage, history), stage.secrets),
    ...findLateExits(history, profile.shutdownGraceSeconds * 1_000),
    ...findUnwantedPages(history, await double.requests(), await readOutcomes(redis.client, KEY_PREFIX)),
    ...findWrongRefusals(history, options),
  ];
}

/** Submissions that may have left entries in Redis without a query: refused, not answered, or lost. */
function countHalfWay({ calls, losses }: History, { mayBeLost = false, mayBeTakenOff = false }: CheckOptions): number {
  if (mayBeLost || mayBeTakenOff || losses.length > 0) return Infinity;
  return calls.filter(({ kind, answer }) => kind === 'submit' && answer?.status !== 202).length;
}

async function listPlaces(
  { apis, workers, redis }: Stage<StageRedis>,
  { calls }: History,
): Promise<Record<string, string>> {
  return {
    answers: calls.map(({ answer }) => answer?.body ?? '').join('\n'),
    'the log of the api': apis.map((process) => process.output()).join('\n'),
    'the log of the worker': workers.map((process) => process.output()).join('\n'),
    // latin1 keeps every byte.
    Redis: (await redis.readFiles()).toString('latin1'),
  };
}
