import type { TableClient } from '@azure/data-tables';
import { readEnvironment } from '#shared/config/environment';
import { connectTable, isLoaded, loadTable, retryUnanswered } from './load-table';
import { generateSampleData } from './sample-data';

// For a container that runs once: puts the sample data into the table TABLE_NAME of TABLE_CONNECTION_STRING.

async function loadSampleData(): Promise<void> {
  const { TABLE_CONNECTION_STRING: connectionString, TABLE_NAME: tableName = 'audit' } = readEnvironment();
  if (connectionString === undefined || connectionString === '') {
    throw new Error('TABLE_CONNECTION_STRING must say where the table is.');
  }
  const client = connect(connectionString, tableName || 'audit');
  // In a container the name of its neighbour may not resolve yet, and the SDK does not retry that (EAI_AGAIN).
  client.pipeline.addPolicy(retryUnanswered(new URL(client.url).origin, console.log), { phase: 'Retry' });
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

loadSampleData().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
