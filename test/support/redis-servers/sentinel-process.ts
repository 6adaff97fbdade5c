import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { pickAnyPort } from '../../../apps/local/src/ports';
import type { AuthorityFiles } from '../azure/share-test-authority';
import { waitUntil } from '../wait-until';

const START_LIMIT_MS = 60_000;

export interface SentinelOptions {
  /** The name of the primary, and its port at the start. */
  name: string;
  primaryPort: number;
  /** A primary is replaced after so long without an answer. */
  downAfterMs: number;
  /** Passwords of the servers, and of the sentinels. */
  password?: string;
  sentinelPassword?: string;
  tls?: AuthorityFiles | undefined;
}

/** A sentinel: it monitors a primary and selects its successor. */
export class SentinelProcess {
  private constructor(
    readonly port: number,
    readonly client: Redis,
    private readonly folder: string,
    private readonly child: ChildProcess,
  ) {}

  static async start(options: SentinelOptions): Promise<SentinelProcess> {
    const port = await pickAnyPort();
    const folder = await mkdtemp(join(tmpdir(), 'audit-query-sentinel-'));
    const file = join(folder, 'sentinel.conf');
    await writeFile(file, toConfiguration(port, folder, options));
    const child = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' });
    const { sentinelPassword: password, tls } = options;
    const client = new Redis({
      ...{ port, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => 50 },
      ...(password === undefined ? {} : { password }),
      ...(tls && { tls: { ca: readFileSync(tls.certFile) } }),
    });
    client.on('error', () => {});
    const sentinel = new SentinelProcess(port, client, folder, child);
    await waitUntil(
      'a sentinel to answer',
      () => client.ping().catch((error: Error) => error.message),
      (answer) => answer === 'PONG',
      START_LIMIT_MS,
    );
    return sentinel;
  }

  /** The number of known sentinels and replicas, and whether the primary counts as alive. */
  async readView(name: string): Promise<{ sentinels: number; replicas: number; flags: string; port: number }> {
    const reply = (await this.client.call('SENTINEL', 'MASTER', name)) as string[];
    const read = (field: string) => reply[reply.indexOf(field) + 1] ?? '';
    return {
      sentinels: Number(read('num-other-sentinels')),
      replicas: Number(read('num-slaves')),
      flags: read('flags'),
      port: Number(read('port')),
    };
  }

  async stop(): Promise<void> {
    this.client.disconnect();
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const ended = once(this.child, 'exit');
      this.child.kill('SIGKILL');
      await ended;
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

function toConfiguration(port: number, folder: string, options: SentinelOptions): string {
  const { name, primaryPort, downAfterMs, password, sentinelPassword, tls } = options;
  const listening =
    tls === undefined
      ? [`port ${port}`]
      : [
          ...['port 0', `tls-port ${port}`, 'tls-replication yes', 'tls-auth-clients no'],
          ...[`tls-cert-file ${tls.certFile}`, `tls-key-file ${tls.keyFile}`, `tls-ca-cert-file ${tls.certFile}`],
        ];
  const lines = [
    ...['bind 127.0.0.1', `dir ${folder}`, ...listening],
    `sentinel monitor ${name} 127.0.0.1 ${primaryPort} 2`,
    `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
    `sentinel failover-timeout ${name} 5000`,
    ...(password === undefined ? [] : [`sentinel auth-pass ${name} ${password}`]),
    ...(sentinelPassword === undefined
      ? []
      : [`requirepass ${sentinelPassword}`, `sentinel sentinel-pass ${sentinelPassword}`]),
  ];
  return `${lines.join('\n')}\n`;
}
