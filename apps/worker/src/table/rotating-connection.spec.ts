import { afterEach, describe, expect, it } from 'vitest';
import { SecretError, SecretErrorCode } from '#shared/secrets/secret-error';
import { RotatingConnection } from './rotating-connection';
import { createTableClient } from './table-connection';

const NEVER_MS = 1_000_000;

const connections: RotatingConnection[] = [];
afterEach(() => connections.splice(0).forEach((connection) => connection.stop()));

const toClient = (secret: string) => {
  const account = `AccountName=${secret.split(' ')[0]};AccountKey=${btoa(secret)}`;
  const connectionString = `DefaultEndpointsProtocol=https;EndpointSuffix=core.windows.net;${account}`;
  return createTableClient({ connectionString, tableName: 'audit', allowInsecureConnection: false });
};

/** A connection to a vault that answers with these secrets or failures in order, and repeats the last. */
function connect(answers: (string | SecretError)[], patienceMs: number, createClient = toClient) {
  const reads: number[] = [];
  const failures: SecretErrorCode[] = [];
  const connection = new RotatingConnection('a first', {
    read: async () => {
      reads.push(performance.now());
      const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? '';
      if (answer instanceof SecretError) throw answer;
      return answer;
    },
    toClient: createClient,
    refreshMs: NEVER_MS,
    patienceMs,
    onRotated: () => {},
    onFailure: ({ code }) => failures.push(code),
  });
  connections.push(connection);
  return { connection, reads, failures };
}

const away = new SecretError(SecretErrorCode.Unreachable, 'away');

describe('a connection whose key is refused', () => {
  it('reads its secret once for all requests that were refused together, and has a new client', async () => {
    const { connection, reads } = connect(['a second'], 0);
    const { client } = connection;
    expect(await Promise.all([connection.renew(client), connection.renew(client)])).toEqual([true, true]);
    expect(connection.client).not.toBe(client);
    expect(reads).toHaveLength(1);
  });

  it('reads nothing for a request that was refused before the client was replaced', async () => {
    const { connection, reads } = connect(['a second'], 0);
    const { client } = connection;
    await connection.renew(client);
    expect(await connection.renew(client)).toBe(true);
    expect(reads).toHaveLength(1);
  });

  it('reads again while the vault has the refused secret, or is unreachable', async () => {
    const { connection, reads, failures } = connect(['a first', away, 'a second'], 10_000);
    expect(await connection.renew(connection.client)).toBe(true);
    expect(reads).toHaveLength(3);
    expect(failures).toEqual(['SECRET_UNREACHABLE']);
  });

  it('gives up after its limit, and can be renewed again', async () => {
    const { connection, reads } = connect(['a first'], 100);
    expect(await connection.renew(connection.client)).toBe(false);
    expect(await connection.renew(connection.client)).toBe(false);
    expect(reads).toHaveLength(2);
  });

  it('rejects a secret of another account', async () => {
    const { connection, failures } = connect(['b second'], 0);
    const { client } = connection;
    expect(await connection.renew(client)).toBe(false);
    expect(connection.client).toBe(client);
    expect(failures).toEqual(['SECRET_INVALID']);
  });

  it('reports why the unchanged secret is invalid by now, and keeps it', async () => {
    let hasExpired = false;
    const { connection, failures } = connect(['a first'], 0, (secret) => {
      if (hasExpired) throw new SecretError(SecretErrorCode.Invalid, 'expired');
      return toClient(secret);
    });
    const { client } = connection;
    hasExpired = true;
    expect(await connection.renew(client)).toBe(false);
    expect(connection.client).toBe(client);
    expect(failures).toEqual(['SECRET_INVALID']);
  });

  it('ends its wait when it is stopped', async () => {
    const { connection } = connect(['a first'], NEVER_MS);
    const renewal = connection.renew(connection.client);
    connection.stop();
    expect(await renewal).toBe(false);
  });
});
