import { TableClient, type TransactionAction } from '@azure/data-tables';
import type { AuditEntity } from './sample-data';

/** The service's own limit. */
const TRANSACTION_SIZE = 100;

/** Enough to keep an emulator busy while the next transactions are written. */
const DAYS_AT_ONCE = 8;

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

function groupByDay(entities: AuditEntity[]): Map<string, AuditEntity[]> {
  const days = new Map<string, AuditEntity[]>();
  for (const entity of entities) {
    const day = days.get(entity.partitionKey);
    if (day === undefined) days.set(entity.partitionKey, [entity]);
    else day.push(entity);
  }
  return days;
}
