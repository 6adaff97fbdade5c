import { join } from 'node:path';
import { onFreePort } from './on-free-port';
import { LOOPBACK } from './ports';
import { findProjectFolder } from './project-folder';
import { ServiceProcess } from './service-process';

/** Documented by Microsoft, the same everywhere, and no secret. */
const ACCOUNT = 'devstoreaccount1';
const ACCOUNT_KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

const START_LIMIT_MS = 30_000;

export interface Azurite {
  port: number;
  connectionString: string;
  process: ServiceProcess;
  stop(): Promise<void>;
}

export interface AzuriteOptions {
  signal?: AbortSignal | undefined;
  /** Speaks https with this certificate and key, and takes tokens of Entra ID beside its key; else http. */
  tls?: { certFile: string; keyFile: string };
}

/**
 * Starts Azurite's table service alone, on loopback, in memory and without telemetry.
 *
 * @throws ProcessEndedError when it does not come up; the signal's reason, with nothing left running.
 */
export async function startAzurite({ signal, tls }: AzuriteOptions = {}): Promise<Azurite> {
  const main = join(findProjectFolder(), 'node_modules/azurite/dist/src/table/main.js');
  return onFreePort(async (port) => {
    signal?.throwIfAborted();
    const azurite = new ServiceProcess({
      name: 'Azurite',
      command: process.execPath,
      args: [
        main,
        '--inMemoryPersistence',
        '--silent',
        '--disableTelemetry',
        ...['--tableHost', LOOPBACK, '--tablePort', String(port)],
        ...(tls === undefined ? [] : ['--oauth', 'basic', '--cert', tls.certFile, '--key', tls.keyFile]),
      ],
      // Someone's own accounts would take the place of the documented one.
      env: { ...process.env, AZURITE_ACCOUNTS: '' },
    });
    try {
      await azurite.waitForOutput(/successfully started/, START_LIMIT_MS, signal);
    } catch (error) {
      await azurite.stop();
      throw error;
    }
    return {
      port,
      connectionString: toConnectionString(port, tls === undefined ? 'http' : 'https'),
      process: azurite,
      stop: () => azurite.stop(),
    };
  });
}

function toConnectionString(port: number, scheme: 'http' | 'https'): string {
  return [
    `DefaultEndpointsProtocol=${scheme}`,
    `AccountName=${ACCOUNT}`,
    `AccountKey=${ACCOUNT_KEY}`,
    `TableEndpoint=${scheme}://${LOOPBACK}:${port}/${ACCOUNT}`,
    '',
  ].join(';');
}
