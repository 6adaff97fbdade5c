import { stripControls } from '#shared/contract/control-characters';
import { readRetryAfterMs } from '#shared/contract/read-retry-after-ms';
import { abortWith, pause } from '../abort';
import { CommandFailedError } from '../command-failed-error';
import { createNotTheServiceError, type RequestFailure, toAnswerFailure, toNetworkFailure } from './request-failure';

/** Longer than the longest long poll. */
const ANSWER_TIMEOUT_MS = 30_000;

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 5_000;

export interface RetryOptions {
  /** How long a request is retried, in milliseconds; 0: never. */
  retryMs: number;
  /**
   * Called before a retry, unless the failure is the same as the previous one of this request.
   *
   * @param remainingMs How much longer the request is retried at most.
   */
  onRetry: (error: CommandFailedError, waitMs: number, remainingMs: number) => void;
}

/**
 * A `fetch` for idempotent requests. Retries after lost connections, timeouts, 408, 429 and 5xx, never before
 * `Retry-After`; returns successful answers and 304 only. Reads each body to its end, so that a body that is cut off is
 * requested again; the body of an event stream is returned unread.
 *
 * @returns Takes the signal as an argument of its own because a `Request` holds its signal weakly; the signal also aborts
 *   the body of a stream. Calls `onUncertain` when the service may have executed the request although it did not confirm
 *   it. Throws CommandFailedError, or the reason of the aborted signal.
 */
export function createRetryingFetch({ retryMs, onRetry }: RetryOptions) {
  return async (request: Request, signal: AbortSignal, onUncertain?: () => void): Promise<Response> => {
    const giveUpAt = performance.now() + retryMs;
    let latestMessage: string | undefined;
    for (let attempt = 0; ; attempt += 1) {
      const answer = await send(request.clone(), signal).catch((error: unknown) => {
        onUncertain?.();
        throw error;
      });
      if (answer instanceof Response) return answer;
      const { error, isRetryable, mayHaveTakenEffect, retryAfterMs } = answer;
      if (mayHaveTakenEffect) onUncertain?.();
      // Some gateways send 0 whatever the state of the service.
      const waitMs = Math.max(retryAfterMs ?? 0, toDelayMs(attempt));
      if (!isRetryable || performance.now() + waitMs > giveUpAt) throw error;
      if (error.message !== latestMessage) onRetry(error, waitMs, giveUpAt - performance.now());
      latestMessage = error.message;
      await pause(waitMs, signal);
    }
  };
}

interface AttemptFailure extends RequestFailure {
  retryAfterMs?: number | undefined;
}

async function send(request: Request, signal: AbortSignal): Promise<Response | AttemptFailure> {
  const isStream = request.headers.get('accept') === 'text/event-stream';
  const attempt = new AbortController();
  let release = abortWith(attempt, signal);
  const timer = setTimeout(() => attempt.abort(new DOMException('no answer', 'TimeoutError')), ANSWER_TIMEOUT_MS);
  try {
    // Following a redirect would send the credential to another host.
    const answer = await fetch(request, { signal: attempt.signal, redirect: 'manual' });
    if (isStream && answer.ok) {
      // The caller reads the body later, and the signal must still abort it then.
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
  if (hasBody && !isJson(text)) throw createNotTheServiceError('its answer is not JSON');
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

/** Doubles with each attempt. The random part spreads clients that lost the service at the same moment. */
function toDelayMs(attempt: number): number {
  return Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt) * (0.5 + Math.random() / 2);
}
