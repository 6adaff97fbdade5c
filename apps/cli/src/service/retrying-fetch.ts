import { stripControls } from '#shared/contract/control-characters';
import { readRetryAfterMs } from '#shared/http/read-retry-after-ms';
import { abortWith, pause } from '../abort';
import { CommandFailedError } from '../command-failed-error';
import { type RequestFailure, createNotTheServiceError, toNetworkFailure, toAnswerFailure } from './request-failure';

/** Long polls wait for less than this. */
const ANSWER_LIMIT_MS = 30_000;

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 5_000;

export interface RetryOptions {
  /** How long a request is tried again, in milliseconds; 0: never. */
  retryMs: number;
  /**
   * Called before a wait, once for each kind of trouble that a request has.
   *
   * @param retryMs How long the request will be tried again at most.
   */
  onRetry: (error: CommandFailedError, waitMs: number, retryMs: number) => void;
}

/**
 * A `fetch` for idempotent requests: sends them again after cuts, time-outs, 408, 429 and 5xx, not before `Retry-After`,
 * and gives only successful answers and 304. Bodies arrive as a whole, so that one cut off in the middle is sent for
 * again, except those of event streams.
 *
 * @returns Takes `onUncertain` for when the service may have done what was asked without an answer that says so; and its
 *   signal beside the request, whose own would be held weakly; a stream's body is aborted by it too.
 *   Throws CommandFailedError for everything else, and the reason of the signal when that is aborted.
 */
export function createRetryingFetch({ retryMs, onRetry }: RetryOptions) {
  return async (request: Request, signal: AbortSignal, onUncertain?: () => void): Promise<Response> => {
    const giveUpAt = performance.now() + retryMs;
    let trouble: string | undefined;
    for (let attempt = 0; ; attempt += 1) {
      const answer = await send(request.clone(), signal).catch((error: unknown) => {
        onUncertain?.();
        throw error;
      });
      if (answer instanceof Response) return answer;
      const { error, isRetryable, mayHaveTakenEffect, retryAfterMs } = answer;
      if (mayHaveTakenEffect) onUncertain?.();
      // Gateways say 0, and mean that they know nothing.
      const waitMs = Math.max(retryAfterMs ?? 0, toDelayMs(attempt));
      if (!isRetryable || performance.now() + waitMs > giveUpAt) throw error;
      if (error.message !== trouble) onRetry(error, waitMs, giveUpAt - performance.now());
      trouble = error.message;
      await pause(waitMs, signal);
    }
  };
}

interface AnswerFailure extends RequestFailure {
  retryAfterMs?: number | undefined;
}

async function send(request: Request, signal: AbortSignal): Promise<Response | AnswerFailure> {
  const isStream = request.headers.get('accept') === 'text/event-stream';
  const attempt = new AbortController();
  let release = abortWith(attempt, signal);
  const timer = setTimeout(() => attempt.abort(new DOMException('no answer', 'TimeoutError')), ANSWER_LIMIT_MS);
  try {
    // A redirect would take the credential to wherever it says.
    const answer = await fetch(request, { signal: attempt.signal, redirect: 'manual' });
    if (isStream && answer.ok) {
      // Its body is read on after this.
      release = () => {};
      return answer;
    }
    const text = await answer.text();
    if (answer.ok || answer.status === 304) return toReadAnswer(answer, text);
    const retryAfterMs = readRetryAfterMs(answer.headers.get('retry-after') ?? undefined);
    return { ...toAnswerFailure(answer.status, text), retryAfterMs };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof CommandFailedError) throw error;
    return toNetworkFailure(error, new URL(request.url).host);
  } finally {
    clearTimeout(timer);
    release();
  }
}

function toReadAnswer({ status, headers }: Response, text: string): Response {
  const hasBody = status !== 204 && status !== 304;
  if (hasBody && !isJson(text)) {
    throw createNotTheServiceError('it does not speak JSON');
  }
  return new Response(hasBody ? stripControls(text) : null, { status, headers });
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Doubles, and spreads those who lost the service at the same moment. */
function toDelayMs(attempt: number): number {
  return Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt) * (0.5 + Math.random() / 2);
}
