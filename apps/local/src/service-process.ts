import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';

/** Longer than the grace period of the api and the worker, 25 s. */
const STOP_LIMIT_MS = 28_000;

/** What is kept of a process' output, for when it fails. */
const KEPT_CHARACTERS = 100_000;
const SHOWN_LINES = 25;

export interface ProcessOptions {
  /** What messages call it. */
  name: string;
  command: string;
  args: string[];
  env?: NodeJS.ProcessEnv;
  /** Takes all that it prints. */
  logFile?: string;
}

/** A process ended that should be running. */
export class ProcessEndedError extends Error {
  /** @param output The last lines that it printed. */
  constructor(
    processName: string,
    how: string,
    readonly output: string,
  ) {
    super(`${processName} ended: ${how}.`);
  }
}

/**
 * A child in a process group of its own, so that a terminal's Ctrl-C reaches only its parent, which can then stop its
 * children in order. Starting -> running -> ended; what it needs is the parent's to know (`waitForOutput`).
 */
export class ServiceProcess {
  readonly name: string;
  /** Undefined where it could not be started at all. */
  readonly pid: number | undefined;
  /** How it ended, as part of a sentence. Never rejects. */
  readonly ended: Promise<string>;

  private readonly child: ChildProcess;
  private readonly log: WriteStream | undefined;
  private output = '';
  private isOver = false;

  constructor({ name, command, args, env = process.env, logFile }: ProcessOptions) {
    this.name = name;
    this.log = logFile === undefined ? undefined : createWriteStream(logFile);
    this.child = spawn(command, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.pid = this.child.pid;
    const guard = this.pid === undefined ? undefined : startGuard(this.pid);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output = (this.output + text).slice(-KEPT_CHARACTERS);
        this.log?.write(text);
        this.child.emit('output');
      });
    }
    this.ended = new Promise((resolve) => {
      const end = (how: string) => {
        this.isOver = true;
        this.log?.end();
        guard?.stdin?.end('ended\n');
        resolve(how);
      };
      this.child.once('error', (error) => end(error.message));
      this.child.once('close', (code, signal) => end(signal === null ? `exit code ${code}` : `signal ${signal}`));
    });
  }

  /** What it printed last. */
  get lastLines(): string {
    return this.output.trimEnd().split('\n').slice(-SHOWN_LINES).join('\n');
  }

  /** Rejects as soon as it has ended. @throws ProcessEndedError */
  async failWhenEnded(): Promise<never> {
    throw new ProcessEndedError(this.name, await this.ended, this.lastLines);
  }

  /**
   * The first match of `pattern` in what it prints.
   *
   * @throws ProcessEndedError when it ends before, or is silent for too long; the signal's reason.
   */
  async waitForOutput(pattern: RegExp, limitMs: number, signal?: AbortSignal): Promise<RegExpExecArray> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), limitMs);
    const anySignal = AbortSignal.any([limit.signal, ...(signal === undefined ? [] : [signal])]);
    try {
      for (;;) {
        const match = pattern.exec(this.output);
        if (match !== null) return match;
        await Promise.race([once(this.child, 'output', { signal: anySignal }), this.failWhenEnded()]);
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (!limit.signal.aborted) throw error;
      throw new ProcessEndedError(this.name, `it was not ready within ${limitMs / 1_000} s`, this.lastLines);
    } finally {
      clearTimeout(timer);
      // `once` lets go of its listener when its signal is aborted.
      limit.abort();
    }
  }

  /** SIGTERM, and SIGKILL to whatever is left of its group after 28 s. Settles when it has ended. */
  async stop(): Promise<void> {
    if (!this.isOver) this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.kill(), STOP_LIMIT_MS);
    await this.ended;
    clearTimeout(timer);
  }

  kill(): void {
    if (this.isOver || this.pid === undefined) return;
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // It ended in between; or there are no process groups here.
      this.child.kill('SIGKILL');
    }
  }
}

/**
 * A shell that waits for one line from this process, or for its end without one, as of a SIGKILL: then it stops the
 * child, which nobody else would.
 */
function startGuard(pid: number): ChildProcess {
  const guard = spawn('sh', ['-c', 'read -r _ || kill -s TERM "$0"', String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without a shell there is no guard; everything else works.
  guard.on('error', () => undefined);
  guard.stdin?.on('error', () => undefined);
  guard.unref();
  return guard;
}
