import { setTimeout as delay } from 'node:timers/promises';
import type { PipelinePolicy } from '@azure/core-rest-pipeline';
import { TableClient, type TransactionAction } from '@azure/data-tables';
import type { AuditEntity } from './sample-data';

/** The service's own limit. */
const TRANSACTION_SIZE = 100;

/** Enough to keep an emulator busy while the next transactions are written. */
const DAYS_AT_ONCE = 8;

/** How long the table service may take to come up, or to come back. */
const RETRY_LIMIT_MS = 60_000;
const RETRY_STEP_MS = 500;

/** The SDK would wait without end for a service that has accepted the connection and is silent. */
const ANSWER_LIMIT_MS = 30_000;

export interface LoadOptions {
  signal?: AbortSignal | undefined;
  /** After each transaction. */
  onProgress?: (loaded: number, total: number) => void;
}

/**
 * Writes `entities`, sorted by day, into the table of `client`, which is created where it is missing. May be repeated:
 * what is there already is replaced by the same. The last entity is written after all others.
 *
 * @throws RestError when the service cannot be reached or refuses.
 */
export async function loadTable(
  client: TableClient,
  entities: AuditEntity[],
  options: LoadOptions = {},
): Promise<void> {
  const { signal, onProgress } = options;
  const abort = signal === undefined ? {} : { abortSignal: signal };
  await client.createTable(abort);
  let loaded = 0;
  const write = async (some: AuditEntity[]): Promise<void> => {
    for (let i = 0; i < some.length; i += TRANSACTION_SIZE) {
      signal?.throwIfAborted();
      const actions = some
        .slice(i, i + TRANSACTION_SIZE)
        .map((entity): TransactionAction => ['upsert', { ...entity }, 'Replace']);
      await client.submitTransaction(actions, abort);
      loaded += actions.length;
      onProgress?.(loaded, entities.length);
    }
  };

  const days = [...groupByDay(entities.slice(0, -1)).values()].values();
  const writeNextDays = async (): Promise<void> => {
    for (const day of days) await write(day);
  };
  await Promise.all(Array.from({ length: DAYS_AT_ONCE }, writeNextDays));
  await write(entities.slice(-1));
}

/** Whether {@link loadTable} has been through with these entities: the last one is there only then. */
export async function isLoaded(client: TableClient, entities: AuditEntity[]): Promise<boolean> {
  const last = entities.at(-1);
  if (last === undefined) return true;
  try {
    const found = await client.getEntity<Partial<AuditEntity>>(last.partitionKey, last.rowKey);
    return found.identificationNumber === last.identificationNumber && found.CertNumber === last.CertNumber;
  } catch (error) {
    if (error instanceof Error && 'statusCode' in error && error.statusCode === 404) return false;
    throw error;
  }
}

/** @param connectionString May be of an emulator: plain http is allowed. */
export function connectTable(connectionString: string, tableName: string): TableClient {
  return TableClient.fromConnectionString(connectionString, tableName, { allowInsecureConnection: true });
}

/**
 * Retries each request that gets no answer, for whatever reason: a name that does not resolve yet, a refused or a broken
 * connection.
 *
 * @param log Called once for each reason until a request is answered.
 * @param limitMs How long one request is retried; an error names the last reason then.
 */
export function retryUnanswered(origin: string, log: (text: string) => void, limitMs = RETRY_LIMIT_MS): PipelinePolicy {
  let logged: string | undefined;
  return {
    name: 'retryUnanswered',
    async sendRequest(request, next) {
      const giveUpAt = performance.now() + limitMs;
      request.timeout = ANSWER_LIMIT_MS;
      for (;;) {
        try {
          const response = await next(request);
          logged = undefined;
          return response;
        } catch (cause) {
          const { name, code = name } = cause as NodeJS.ErrnoException;
          const problem = `No answer at ${origin} (${code})`;
          // Not an error of the SDK, which would retry that again.
          if (performance.now() > giveUpAt) throw new Error(`${problem} for ${limitMs / 1_000} s.`, { cause });
          if (code !== logged) log(`${problem}: trying again for up to ${limitMs / 1_000} s.`);
          logged = code;
        }
        await delay(RETRY_STEP_MS);
      }
    },
  };
}

function groupByDay(entities: AuditEntity[]): Map<string, AuditEntity[]> {
  const days = new Map<string, AuditEntity[]>();
  for (const entity of entities) {
    const day = days.get(entity.partitionKey);
    if (day === undefined) days.set(entity.partitionKey, [entity]);
    else day.push(entity);
  }
  return days;
}
