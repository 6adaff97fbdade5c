import { setTimeout as delay } from 'node:timers/promises';
import type { TableClient } from '@azure/data-tables';
import { readEnvironment } from '#shared/config/environment';
import { connectTable, isLoaded, loadTable } from './load-table';
import { generateSampleData } from './sample-data';

// For a container that runs once: puts the sample data into the table TABLE_NAME of TABLE_CONNECTION_STRING.

/** How long the table service may take to come up. */
const WAIT_LIMIT_MS = 60_000;
const WAIT_STEP_MS = 500;

async function loadSampleData(): Promise<void> {
  const { TABLE_CONNECTION_STRING: connectionString, TABLE_NAME: tableName = 'audit' } = readEnvironment();
  if (connectionString === undefined || connectionString === '') {
    throw new Error('TABLE_CONNECTION_STRING must say where the table is.');
  }
  const client = connect(connectionString, tableName || 'audit');
  await waitForService(client);
  const entities = generateSampleData();
  if (await isLoaded(client, entities)) {
    console.log(`The table ${client.tableName} has the sample data already.`);
    return;
  }
  let toldPercent = 0;
  await loadTable(client, entities, {
    onProgress: (loaded, total) => {
      const percent = Math.floor((loaded / total) * 100);
      if (percent < toldPercent + 10) return;
      toldPercent = percent;
      console.log(`${percent} % of ${total} entities`);
    },
  });
  console.log(`The table ${client.tableName} has the sample data.`);
}

function connect(connectionString: string, tableName: string): TableClient {
  try {
    return connectTable(connectionString, tableName);
  } catch (error) {
    throw new Error('TABLE_CONNECTION_STRING must be the connection string of a storage account.', { cause: error });
  }
}

/** Until the service answers, whatever it answers to a request for a table that need not be there. */
async function waitForService(client: TableClient): Promise<void> {
  const { origin } = new URL(client.url);
  const giveUpAt = performance.now() + WAIT_LIMIT_MS;
  for (let told = false; ; told = true) {
    try {
      await fetch(origin, { signal: AbortSignal.timeout(WAIT_LIMIT_MS / 10) });
      return;
    } catch (error) {
      if (performance.now() > giveUpAt) throw new Error(`No table service answers at ${origin}.`, { cause: error });
    }
    if (!told) console.log(`Waiting for the table service at ${origin}.`);
    await delay(WAIT_STEP_MS);
  }
}

loadSampleData().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
