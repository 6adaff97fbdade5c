import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';

const MAIN = 'dist/apps/cli/src/main.js';

/** Where no configuration file is. */
const NO_CONFIG = mkdtempSync(join(tmpdir(), 'audit-query-config-'));

/** A run of the built command. */
export interface CommandRun {
  stdout: () => string;
  stderr: () => string;
  signal: (name: NodeJS.Signals) => void;
  /** What is typed, where it runs in a terminal. */
  type: (text: string) => void;
  /** As shells have it: 128 and the number of the signal, where that ended it. */
  readonly exitCode: Promise<number>;
}

/** The command as scripts run it: no terminal anywhere. */
export function startCommand(args: string[], env: Record<string, string> = {}, input = ''): CommandRun {
  return start(process.execPath, [MAIN, ...args], env, input);
}

/** The command as a line of a shell, which says where its output goes. */
export function startInShell(line: string): CommandRun {
  return start('sh', ['-c', line.replace('audit-query', `"${process.execPath}" ${MAIN}`)], {}, '');
}

/**
 * The command in a terminal of its own (a pseudo-terminal of util-linux' `script`); what it prints is all in `stdout`.
 */
export function startInTerminal(
  args: string[],
  env: Record<string, string> = {},
  program = [process.execPath, MAIN],
): CommandRun {
  const command = ['exec', ...program, ...args].join(' ');
  return start('script', ['--quiet', '--flush', '--return', '--command', command, '/dev/null'], env, undefined);
}

/** The command as docs/command-line.md has it, in a terminal. It has no registry to ask. */
export function startThroughNpm(args: string[], env: Record<string, string> = {}): CommandRun {
  return startInTerminal(args, { ...env, npm_config_offline: 'true' }, ['npx', '--no-install', 'audit-query']);
}

/** Runs the command to its end. */
export async function runCommandLine(args: string[], env: Record<string, string> = {}, input = '') {
  const run = startCommand(args, env, input);
  const exitCode = await run.exitCode;
  return { exitCode, stdout: run.stdout(), stderr: run.stderr() };
}

function start(program: string, args: string[], env: Record<string, string>, input: string | undefined): CommandRun {
  const child = spawn(program, args, {
    env: {
      ...{ PATH: process.env['PATH'], XDG_CONFIG_HOME: NO_CONFIG, TERM: 'xterm', SHELL: '/bin/sh' },
      NODE_EXTRA_CA_CERTS: process.env['NODE_EXTRA_CA_CERTS'],
      ...env,
    },
    stdio: 'pipe',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // It may have gone before it has read.
  child.stdin.on('error', () => undefined);
  if (input !== undefined) child.stdin.end(input);
  return {
    stdout: () => stdout,
    stderr: () => stderr,
    signal: (name) => void child.kill(name),
    type: (text) => void child.stdin.write(text),
    exitCode: once(child, 'close').then(([code, signal]) =>
      toExitCode(code as number | null, signal as NodeJS.Signals),
    ),
  };
}

function toExitCode(code: number | null, signal: NodeJS.Signals): number {
  return code ?? 128 + constants.signals[signal];
}
