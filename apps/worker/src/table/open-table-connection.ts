import { Logger } from '@nestjs/common';
import { findConnectionStringProblem, parseConnectionString } from '#shared/config/table-account';
import type { WorkerConfig } from '#shared/config/worker-config';
import { toTableSource, describeSource } from '#shared/config/secret-sources';
import { SecretError, SecretErrorCode } from '#shared/secrets/secret-error';
import type { SecretReader } from '#shared/secrets/secret-reader';
import { RotatingConnection } from './rotating-connection';
import { createTableClient, IdentityConnection, type TableConnection, toFixedConnection } from './table-connection';

/** The scope of tokens for tables, in every cloud: learn.microsoft.com, "Authorize access to tables using Microsoft Entra ID". */
const STORAGE_SCOPE = 'https://storage.azure.com/.default';

/**
 * Connects to the table in the configured way, without a retry. It reads and validates the secret, or requests a token of
 * the identity. It sends no request to the table.
 *
 * @throws SecretError
 */
export async function openTableConnection(
  config: WorkerConfig,
  secrets: SecretReader,
  signal: AbortSignal,
): Promise<TableConnection> {
  const { tableName, nodeEnv } = config;
  const source = toTableSource(config);
  const place = { tableName, allowInsecureConnection: nodeEnv !== 'production' };
  if (source.kind === 'identity') {
    const { credential } = secrets;
    await credential.getToken(STORAGE_SCOPE);
    return new IdentityConnection(() => createTableClient({ ...place, accountUrl: source.accountUrl, credential }));
  }
  const what = describeSource(source);
  const logger = new Logger('TableConnection');
  let warnedOf: string | undefined;
  const toClient = (connectionString: string) => {
    const problem = findConnectionStringProblem(connectionString, config);
    if (problem !== undefined) throw new SecretError(SecretErrorCode.Invalid, `${what} ${problem}`);
    const { credential } = parseConnectionString(connectionString);
    const { expiresAtMs = Infinity } = credential.kind === 'sas' ? credential : {};
    if (expiresAtMs < Date.now() + config.queryTimeLimitSeconds * 1_000 && connectionString !== warnedOf) {
      warnedOf = connectionString;
      const expiresAt = new Date(expiresAtMs).toISOString();
      logger.warn({ expiresAt }, `${what}: its SAS expires before QUERY_TIME_LIMIT_SECONDS from now`);
    }
    return createTableClient({ ...place, connectionString });
  };
  const secret = await secrets.read(source, signal);
  if (source.kind === 'plain') return toFixedConnection(toClient(secret));
  return new RotatingConnection(secret, {
    read: (stop) => secrets.read(source, stop),
    toClient,
    refreshMs: config.secretRefreshSeconds * 1_000,
    patienceMs: config.pageRetrySeconds * 1_000,
    onRotated: () => logger.log('The connection string was rotated; the new one is in use'),
    onFailure: ({ code, message }) => logger.error(`${code}: ${message}; the previous connection string stays in use`),
  });
}
