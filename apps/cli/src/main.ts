#!/usr/bin/env node
import '#shared/process/check-node';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommanderError } from '@commander-js/extra-typings';
import { readEnvironment } from '#shared/config/environment';
import { ExitCode } from './command-failed-error';
import type { CommandContext } from './commands/run-command';
import { createProgram, moveOptionsBehindCommand } from './create-program';
import { Interrupts } from './terminal/interrupts';
import { createTerminal, exitAfterOutput, exitOnOutputError } from './terminal/terminal';

/** The path from dist/apps/cli/src. */
const MANIFEST = join(__dirname, '../../../../package.json');

async function main(): Promise<ExitCode> {
  const environment = readEnvironment();
  const context: CommandContext = {
    ...{ terminal: createTerminal(environment), interrupts: new Interrupts(), environment },
    exitCode: ExitCode.Done,
  };
  const { version } = JSON.parse(readFileSync(MANIFEST, 'utf8')) as { version: string };
  try {
    const program = createProgram(context, version);
    await program.parseAsync(moveOptionsBehindCommand(program, process.argv.slice(2)), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Commander has printed the error or the help.
    return error.exitCode === 0 ? ExitCode.Done : ExitCode.Usage;
  }
  return context.exitCode;
}

exitOnOutputError();
void main().then(exitAfterOutput);
