import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';

const MAIN = 'dist/apps/cli/src/main.js';

/** A folder without a configuration file. */
const NO_CONFIG = mkdtempSync(join(tmpdir(), 'audit-query-config-'));

/** A run of the built command. */
export interface CommandRun {
  stdout: () => string;
  stderr: () => string;
  signal: (name: NodeJS.Signals) => void;
  /** Types into the terminal. */
  type: (text: string) => void;
  /** As in a shell: 128 plus the number of a signal that ended the command. */
  readonly exitCode: Promise<number>;
}

/** Starts the command without a terminal, like a script. */
export function startCommand(args: string[], env: Record<string, string> = {}, input = ''): CommandRun {
  return start(process.execPath, [MAIN, ...args], env, input);
}

/** Starts a line of a shell with the command, which may redirect its output. */
export function startInShell(line: string): CommandRun {
  return start('sh', ['-c', line.replace('audit-query', `"${process.execPath}" ${MAIN}`)], {}, '');
}

/**
 * Starts the command in a terminal of its own (a pseudo-terminal of util-linux' `script`). `stdout` has all of its output.
 */
export function startInTerminal(
  args: string[],
  env: Record<string, string> = {},
  program = [process.execPath, MAIN],
): CommandRun {
  const command = ['exec', ...program, ...args].join(' ');
  return start('script', ['--quiet', '--flush', '--return', '--command', command, '/dev/null'], env, undefined);
}

/** Starts the command through npx in a terminal, without a registry. */
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
  // The command may exit before it reads its input.
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
