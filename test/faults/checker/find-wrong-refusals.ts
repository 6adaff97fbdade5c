import { type Call, type CallAnswer, type History, isOver, listDocuments } from '../harness/history';

/** The promise is two seconds; the rest is for a busy machine. */
const UNAVAILABLE_WITHIN_MS = 2_000 + 700;

/** No call waits for Redis more than twice, for two seconds each; no call of these tests is a long poll. */
const ANSWERED_WITHIN_MS = 2 * 2_000 + 1_000;

/** The statuses of calls that succeed. */
const GOOD: Readonly<Record<Call['kind'], readonly number[]>> = {
  submit: [202],
  read: [200],
  result: [200, 202],
  terminate: [200, 202],
  list: [200],
};

export interface RefusalLimits {
  /** Limit for a 503, and for every other answer if it is above their own limit. */
  unavailableWithinMs?: number;
}

type Answered = Call & { answer: CallAnswer };

/** I11: every call is answered in time; the only 5xx is 503, early and with Retry-After; every refusal has a reason. */
export function findWrongRefusals(history: History, limits: RefusalLimits = {}): string[] {
  const isSilent = ({ api, startedAt, endedAt }: Call) =>
    history.silences.some((silence) => silence.api === api && startedAt <= silence.to && endedAt >= silence.from);
  const hasFailed = toFailures(history);
  const findProblem = (call: Call): string | undefined => {
    const { kind, answer, failure } = call;
    if (answer === undefined) {
      return isSilent(call) ? undefined : `a ${kind} was not answered: ${failure}`;
    }
    const answered = { ...call, answer };
    const lateness = isSilent(call) ? undefined : findLateness(answered, limits);
    return lateness ?? findWrongStatus(answered, history, hasFailed);
  };
  return history.calls.flatMap((call) => findProblem(call) ?? []).map((problem) => `I11: ${problem}`);
}

/** The queries that a caller saw end without a result. */
function toFailures({ calls }: History): ReadonlySet<string> {
  const ended = calls.flatMap(listDocuments).filter((document) => isOver(document) && document.result === null);
  return new Set(ended.map(({ id }) => id));
}

function findLateness({ kind, answer, startedAt, endedAt }: Answered, limits: RefusalLimits): string | undefined {
  const { unavailableWithinMs = UNAVAILABLE_WITHIN_MS } = limits;
  const limitMs = answer.status === 503 ? unavailableWithinMs : Math.max(unavailableWithinMs, ANSWERED_WITHIN_MS);
  const tookMs = Math.round(endedAt - startedAt);
  return tookMs > limitMs ? `the ${answer.status} of a ${kind} took ${tookMs} ms` : undefined;
}

function findWrongStatus(call: Answered, history: History, failed: ReadonlySet<string>): string | undefined {
  const { kind, answer } = call;
  const { status, retryAfter, document } = answer;
  const isAlive = status === 202 && kind !== 'terminate';
  if ((status === 503 || status === 429 || isAlive) && !isRetryAfter(retryAfter)) {
    return `the ${status} of a ${kind} has Retry-After ${retryAfter}`;
  }
  const isWrong = GOOD[kind].includes(status)
    ? kind === 'result' && document !== undefined && isOver(document) !== (status === 200)
    : !isReasonable(call, history, failed);
  return isWrong ? `a ${kind} was answered ${status}: ${answer.body}` : undefined;
}

function isRetryAfter(text: string | null): boolean {
  return /^[1-9]\d?$/.test(text ?? '') && Number(text) <= 60;
}

/** Whether the refusal has a reason. I2 judges whether a caller may get 404 for a query of its own. */
function isReasonable(
  { kind, caller, key, range, id, answer }: Answered,
  { calls }: History,
  failed: ReadonlySet<string>,
) {
  switch (answer.status) {
    case 503:
    case 429:
      return true;
    case 404:
      return id !== undefined;
    case 409:
      return kind === 'result' && id !== undefined && failed.has(id);
    case 422: {
      const isOther = (other: Call['range']) => other?.start !== range?.start || other?.end !== range?.end;
      return key !== undefined && calls.some((one) => one.caller === caller && one.key === key && isOther(one.range));
    }
    default:
      return false;
  }
}
