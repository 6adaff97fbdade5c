import type { Call, History } from '../harness/history';

/** Two seconds are promised; the rest is for this side of the line on a busy machine. */
const UNAVAILABLE_WITHIN_MS = 2_000 + 700;

export interface RefusalLimits {
  /** Calls may be without an answer all the time; those of an API that is killed may be by themselves. */
  mayBeSilent?: boolean;
  unavailableWithinMs?: number;
}

/** I11: of the server's errors only 503, soon and with Retry-After; every call is answered. */
export function findWrongRefusals({ calls, silences }: History, limits: RefusalLimits = {}): string[] {
  const isSilent = ({ api, startedAt, endedAt }: Call) =>
    silences.some((silence) => silence.api === api && startedAt <= silence.to && endedAt >= silence.from);
  return calls
    .filter((call) => call.answer !== undefined || !isSilent(call))
    .flatMap((call) => findProblem(call, limits) ?? [])
    .map((problem) => `I11: ${problem}`);
}

function findProblem(
  { kind, answer, failure, startedAt, endedAt }: Call,
  { mayBeSilent = false, unavailableWithinMs = UNAVAILABLE_WITHIN_MS }: RefusalLimits,
): string | undefined {
  if (answer === undefined) return mayBeSilent ? undefined : `a ${kind} was not answered: ${failure}`;
  if (answer.status < 500) return undefined;
  if (answer.status !== 503) return `a ${kind} was answered ${answer.status}: ${answer.body}`;
  if (!/^[1-9]\d?$/.test(answer.retryAfter ?? '')) return `a 503 has Retry-After ${answer.retryAfter}`;
  const tookMs = Math.round(endedAt - startedAt);
  return tookMs > unavailableWithinMs ? `a 503 took ${tookMs} ms` : undefined;
}
