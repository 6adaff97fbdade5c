import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, truncate } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { pickAnyPort } from '../../../apps/local/src/ports';
import type { AuthorityFiles } from '../azure/share-test-authority';
import { untilListening } from '../until-listening';
import { waitUntil } from '../wait-until';

/** Generous, for a busy machine: `start` returns the duration. */
const START_LIMIT_MS = 60_000;

const ATTEMPTS = 3;

/** Redis forces its file to the disk once a second, and delays a write by up to another second while the disk is busy. */
const EVERYSEC_LOSS_MS = 2_000;

/** The user of the service's processes. A test may change its rights; a restart restores them. */
export const SERVICE_USER = 'service';

export interface RedisProcessOptions {
  /** How often the append-only file is forced to the disk. */
  appendfsync?: 'always' | 'everysec';
  /** The folder of its files, which is then kept; default: a temporary folder. */
  folder?: string;
  /** Additional arguments, which override the defaults. */
  args?: readonly string[];
  /** Password of clients and peers. */
  password?: string;
  /** Only TLS, also between peers. */
  tls?: AuthorityFiles | undefined;
}

/** A Redis that can be killed, stopped and started again at the same port with the same files. */
export class RedisProcess {
  /** For the test itself; reconnects. */
  readonly client: Redis;
  /** Times whose acknowledged writes may be lost: before each kill. Milliseconds since 1970. */
  readonly losses: { from: number; to: number }[] = [];
  /** Of a user with all rights, for the processes under test. */
  readonly servicePassword = randomBytes(16).toString('hex');
  private child: ChildProcess | undefined;

  private constructor(
    readonly port: number,
    readonly folder: string,
    private readonly options: RedisProcessOptions,
  ) {
    const { password, tls } = options;
    this.client = new Redis({
      ...{ port, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => 50 },
      ...(password === undefined ? {} : { password }),
      ...(tls && { tls: { ca: readFileSync(tls.certFile) } }),
    });
    this.client.on('error', () => {});
  }

  static async create(options: RedisProcessOptions): Promise<RedisProcess> {
    const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'audit-query-redis-')));
    for (let attempt = 1; ; attempt += 1) {
      const redis = new RedisProcess(await pickAnyPort(), folder, options);
      try {
        await redis.start();
        return redis;
      } catch (error) {
        redis.client.disconnect();
        // Another process may have taken the port.
        if (attempt === ATTEMPTS) throw error;
      }
    }
  }

  /** Starts at the same port, once that is free. @returns The milliseconds until it had loaded its files and answered. */
  async start(): Promise<number> {
    if (this.child === undefined) return this.launch();
    for (let attempt = 1; ; attempt += 1) {
      const probe = createServer();
      await untilListening(probe, this.port);
      await promisify(probe.close.bind(probe))();
      try {
        return await this.launch();
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
      }
    }
  }

  private async launch(): Promise<number> {
    const begun = performance.now();
    this.child = spawn('redis-server', this.listArguments(), { stdio: 'ignore' });
    const { child } = this;
    await waitUntil(
      'Redis to answer',
      async () => {
        if (child.exitCode !== null) throw new Error(`Redis ended with ${child.exitCode}`);
        return this.client.ping().catch((error: Error) => error.message);
      },
      (answer) => answer === 'PONG',
      START_LIMIT_MS,
    );
    return performance.now() - begun;
  }

  private listArguments(): string[] {
    const { appendfsync = 'everysec', args = [], password, tls } = this.options;
    const port = String(this.port);
    return [
      ...['--bind', '127.0.0.1', '--dir', this.folder],
      ...(tls === undefined ? ['--port', port] : ['--port', '0', '--tls-port', port, ...toTlsArguments(tls)]),
      ...(password === undefined ? [] : ['--requirepass', password, '--masterauth', password]),
      ...['--maxmemory-policy', 'noeviction', '--save', ''],
      // Uncompressed, so that tests can search a snapshot for secrets.
      ...['--rdbcompression', 'no'],
      ...['--appendonly', 'yes', '--appendfsync', appendfsync],
      ...['--user', SERVICE_USER, 'on', `>${this.servicePassword}`, '~*', '&*', '+@all'],
      ...args,
    ];
  }

  /** Of the running process. @throws Error if Redis was not started. */
  get pid(): number {
    if (this.child?.pid === undefined) throw new Error('Redis was not started');
    return this.child.pid;
  }

  signal(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }

  /** Resolves when the kernel has all writes: with everysec Redis delays a write while the disk is busy. */
  async waitUntilWritten(): Promise<void> {
    await waitUntil(
      'Redis to have written all',
      () => this.client.info('persistence'),
      (info) => info.includes('aof_buffer_length:0\r'),
    );
  }

  /** SIGKILL: Redis writes nothing more. */
  async kill(): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    const to = performance.timeOrigin + performance.now();
    if (this.options.appendfsync !== 'always') this.losses.push({ from: to - EVERYSEC_LOSS_MS, to });
  }

  /** The append-only files, the newest last. */
  async listLogs(): Promise<string[]> {
    const folder = join(this.folder, 'appendonlydir');
    const names = await readdir(folder);
    return names
      .filter((name) => name.endsWith('.incr.aof'))
      .sort()
      .map((name) => join(folder, name));
  }

  async logSize(): Promise<number> {
    return (await stat((await this.listLogs()).at(-1) ?? '')).size;
  }

  /** Truncates the append-only file, like a power cut. */
  async cutLog(sizeBytes: number): Promise<void> {
    await truncate((await this.listLogs()).at(-1) ?? '', sizeBytes);
  }

  /** All its files: append-only files, also rewritten ones, and snapshots. */
  async readFiles(): Promise<Buffer> {
    const entries = await readdir(this.folder, { recursive: true, withFileTypes: true });
    const paths = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
    return Buffer.concat(await Promise.all(paths.map((path) => readFile(path).catch(toNothing))));
  }

  async stop(): Promise<void> {
    this.client.disconnect();
    await this.kill();
    if (this.options.folder === undefined) await rm(this.folder, { recursive: true, force: true });
  }
}

/** A rewrite renames files, so that a listed file may be missing. */
function toNothing(error: NodeJS.ErrnoException): Buffer {
  if (error.code !== 'ENOENT') throw error;
  return Buffer.alloc(0);
}

/** The certificate of the authority is also that of the server. */
function toTlsArguments({ certFile, keyFile }: AuthorityFiles): string[] {
  return [
    ...['--tls-cert-file', certFile, '--tls-key-file', keyFile, '--tls-ca-cert-file', certFile],
    ...['--tls-auth-clients', 'no', '--tls-replication', 'yes', '--tls-cluster', 'yes'],
  ];
}
