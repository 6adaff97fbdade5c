import { Command } from '@commander-js/extra-typings';
import { ExitCode } from '../command-failed-error';
import { isEnded } from '../service/query';
import { toProgressLine, toQueryText } from '../show/query-text';
import { parseQueryId, parseWaitSeconds, withCommonOptions } from './arguments';
import { printEnd, waitForEnd } from './query-end';
import { type CommandContext, runCommand } from './run-command';

export function createStatusCommand(context: CommandContext) {
  const command = new Command('status')
    .description('show the status of a query; the exit code is 0 for every status')
    .argument('<id>', 'the id of the query', parseQueryId);
  return withCommonOptions(command).action((id, options) =>
    runCommand(context, options, async ({ service, terminal, isJson }) => {
      const query = await service.read(id);
      await terminal.print(isJson ? `${JSON.stringify(query)}\n` : toQueryText(query));
      return ExitCode.Done;
    }),
  );
}

export function createResultCommand(context: CommandContext) {
  const command = new Command('result')
    .description('print the count of a query that has ended, without waiting')
    .argument('<id>', 'the id of the query', parseQueryId);
  return withCommonOptions(command).action((id, options) =>
    runCommand(context, options, async (session) => {
      const { service, terminal, isJson } = session;
      const query = await service.read(id);
      if (isEnded(query)) return printEnd(session, query);
      if (isJson) await terminal.print(`${JSON.stringify(query)}\n`);
      else terminal.printError(`There is no result yet. ${toProgressLine(query, 0)}\n`);
      return ExitCode.NotFinished;
    }),
  );
}

export function createWatchCommand(context: CommandContext) {
  const command = new Command('watch')
    .description('wait until a query ends and print its count; with --json one line per change')
    .argument('<id>', 'the id of the query', parseQueryId)
    .option('--timeout <seconds>', 'stop waiting after this time; the query keeps running', parseWaitSeconds);
  return withCommonOptions(command).action((id, options) =>
    runCommand(context, options, async (session) => {
      const isEachPrinted = session.isJson;
      const query = await waitForEnd(session, id, { timeoutSeconds: options.timeout, isEachPrinted });
      return printEnd(session, query, { isPrinted: isEachPrinted });
    }),
  );
}

export function createTerminateCommand(context: CommandContext) {
  const command = new Command('terminate')
    .description('terminate a query; does not change a query that has ended')
    .argument('<id>', 'the id of the query', parseQueryId);
  return withCommonOptions(command).action((id, options) =>
    runCommand(context, options, async ({ service, terminal, isJson }) => {
      const { query, hadEndedBefore } = await service.terminate(id);
      if (isJson) await terminal.print(`${JSON.stringify(query)}\n`);
      else if (hadEndedBefore) await terminal.print(`It had already ended: ${query.status}\n`);
      else await terminal.print(`${query.status}\n`);
      return ExitCode.Done;
    }),
  );
}
