import { randomUUID } from 'node:crypto';
import { Command } from '@commander-js/extra-typings';
import { CommandFailedError, ExitCode } from '../command-failed-error';
import type { Query } from '../service/query';
import { parseDay, parseSeconds, parseWaitSeconds, withCommonOptions } from './arguments';
import { printEnd, waitForEnd } from './query-end';
import { type CommandContext, runCommand, type Session } from './run-command';

interface Submission {
  start: string;
  end: string;
  maxAgeSeconds: number;
}

export function createSubmitCommand(context: CommandContext) {
  const command = new Command('submit')
    .description('count the distinct people who got a certificate between two days')
    .argument('<start>', 'the first day, such as 2021-10-10', parseDay)
    .argument('<end>', 'the last day, inclusive', parseDay)
    .option('--max-age <seconds>', 'reuse days that were read at most this long ago', parseSeconds, 0)
    .option('--idempotency-key <key>', 'submissions with the same key are one query; random by default')
    .option('--wait', 'wait until the query ends and print the count')
    .option('--timeout <seconds>', 'stop waiting after this time; the query keeps running', parseWaitSeconds);
  return withCommonOptions(command).action((start, end, options) =>
    runCommand(context, options, async (session) => {
      const { maxAge: maxAgeSeconds, idempotencyKey = randomUUID(), wait, timeout } = options;
      const query = await submit(session, { start, end, maxAgeSeconds }, idempotencyKey);
      if (wait) return printEnd(session, await waitForEnd(session, query.id, { timeoutSeconds: timeout }));
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
    if (!isUncertain || !(error instanceof CommandFailedError) || !isUndecided(error)) throw error;
    const message = `${error.message} The query may have been accepted: submit it again with --idempotency-key ${key} to get the same query.`;
    throw new CommandFailedError({ exitCode: error.exitCode, code: error.code, message, cause: error });
  }
}

/** Whether the service did not decide on the last attempt. An earlier attempt may have been accepted. */
function isUndecided({ exitCode, code }: CommandFailedError): boolean {
  return exitCode === ExitCode.ServiceUnavailable || code === 'INTERRUPTED';
}
