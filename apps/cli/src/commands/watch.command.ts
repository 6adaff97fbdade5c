import { Command } from '@commander-js/extra-typings';
import { printEnd, waitForEnd } from './query-end';
import { type CommandContext, runCommand } from './run-command';
import { parseQueryId, parseWaitSeconds, withCommonOptions } from './arguments';

export function createWatchCommand(context: CommandContext) {
  const command = new Command('watch')
    .description('wait for the end of a query and print its count; with --json one line at each change')
    .argument('<id>', 'the query', parseQueryId)
    .option('--timeout <seconds>', 'stop waiting after this; the query goes on', parseWaitSeconds);
  return withCommonOptions(command).action((id, options) =>
    runCommand(context, options, async (session) => {
      const isEachPrinted = session.isJson;
      const query = await waitForEnd(session, id, { timeout: options.timeout, isEachPrinted });
      return printEnd(session, query, { isPrinted: isEachPrinted });
    }),
  );
}
