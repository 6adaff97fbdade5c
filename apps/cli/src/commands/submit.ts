import { randomUUID } from 'node:crypto';
import { Command } from '@commander-js/extra-typings';
import { CommandFailedError, ExitCode } from '../command-failed-error';
import { printEnd, waitForEnd } from './query-end';
import { type CommandContext, runCommand, type Session } from './run-command';
import type { Query } from '../service/query';
import { parseDay, parseSeconds, parseWaitSeconds, withCommonOptions } from './arguments';

interface Submission {
  start: string;
  end: string;
  maxAgeSeconds: number;
}

export function createSubmitCommand(context: CommandContext) {
  const command = new Command('submit')
    .description('ask how many distinct people got a certificate between two days')
    .argument('<start>', 'the first day, such as 2021-10-10', parseDay)
    .argument('<end>', 'the last day, inclusive', parseDay)
    .option('--max-age <seconds>', 'reuse days that were read no longer ago than this', parseSeconds, 0)
    .option('--idempotency-key <key>', 'makes all submissions under it one query; made anew by default')
    .option('--wait', 'wait for the end and print the count')
    .option('--timeout <seconds>', 'stop waiting after this; the query goes on', parseWaitSeconds);
  return withCommonOptions(command).action((start, end, options) =>
    runCommand(context, options, async (session) => {
      const { maxAge: maxAgeSeconds, idempotencyKey = randomUUID(), wait, timeout } = options;
      const query = await submit(session, { start, end, maxAgeSeconds }, idempotencyKey);
      if (wait) return printEnd(session, await waitForEnd(session, query.id, { timeout }));
      await session.terminal.print(session.isJson ? `${JSON.stringify(query)}\n` : `${query.id}\n`);
      if (!session.isJson) session.terminal.printError(`Accepted. Wait for it: audit-query watch ${query.id}\n`);
      return ExitCode.Done;
    }),
  );
}

async function submit({ service }: Session, submission: Submission, key: string): Promise<Query> {
  let isUncertain = false;
  try {
    return await service.submit(submission, key, () => (isUncertain = true));
  } catch (error) {
    if (!isUncertain || !(error instanceof CommandFailedError) || !isUnanswered(error)) throw error;
    const message = `${error.message} Whether the query was accepted is not known: submit it again with --idempotency-key ${key}, and it is one query.`;
    throw new CommandFailedError({ exitCode: error.exitCode, code: error.code, message, cause: error });
  }
}

/** Whether the last answer says nothing of the query. What was refused the last time may have been taken before. */
function isUnanswered({ exitCode, code }: CommandFailedError): boolean {
  return exitCode === ExitCode.ServiceUnavailable || code === 'INTERRUPTED';
}
