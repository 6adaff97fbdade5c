import { Command, Option } from '@commander-js/extra-typings';
import { QueryStatus } from '#shared/contract/query-status';
import { CommandFailedError, ExitCode } from '../command-failed-error';
import type { QueryPage } from '../service/query';
import type { ListFilter, ServiceClient } from '../service/service-client';
import { toQueryTable } from '../show/query-text';
import { parsePageSize, withCommonOptions } from './arguments';
import { type CommandContext, runCommand } from './run-command';

export function createListCommand(context: CommandContext) {
  const command = new Command('list')
    .description('list your queries, newest first')
    .addOption(new Option('--status <status>', 'only queries with this status').choices(Object.values(QueryStatus)))
    .option('--created-after <time>', 'only queries created at or after this day or time, such as 2021-10-10T08:30:00Z')
    .option('--created-before <time>', 'only queries created at or before this day or time')
    .option('--page-size <number>', 'queries per page, 1 to 100', parsePageSize, 20)
    .option('--page-token <token>', 'the nextPageToken of the page before')
    .option('--all', 'print all pages');
  return withCommonOptions(command).action((options) =>
    runCommand(context, options, async ({ service, terminal, isJson }) => {
      const { status, createdAfter, createdBefore, pageSize, pageToken, all } = options;
      const page = await readPages(
        service,
        {
          pageSize,
          ...(status !== undefined && { status }),
          ...(createdAfter !== undefined && { createdAfter }),
          ...(createdBefore !== undefined && { createdBefore }),
          ...(pageToken !== undefined && { pageToken }),
        },
        all === true,
      );
      if (isJson) await terminal.print(`${JSON.stringify(page)}\n`);
      else if (page.items.length > 0) await terminal.print(toQueryTable(page.items));
      else terminal.printError('No queries found.\n');
      if (!isJson && page.nextPageToken !== null) terminal.printError(`More: --page-token ${page.nextPageToken}\n`);
      return ExitCode.Done;
    }),
  );
}

function createPageTokenRepeatedError(): CommandFailedError {
  return new CommandFailedError({
    exitCode: ExitCode.ServiceUnavailable,
    code: 'PAGE_TOKEN_REPEATED',
    message: 'The service sent the same page token twice: the list would never end.',
  });
}

/** @throws CommandFailedError PAGE_TOKEN_REPEATED; otherwise like ServiceClient. */
async function readPages(service: ServiceClient, filter: ListFilter, isAll: boolean): Promise<QueryPage> {
  const page = await service.list(filter);
  if (!isAll) return page;
  const { items } = page;
  let { nextPageToken } = page;
  const tokens = new Set<string>();
  while (nextPageToken !== null) {
    if (tokens.has(nextPageToken)) throw createPageTokenRepeatedError();
    tokens.add(nextPageToken);
    const next = await service.list({ ...filter, pageToken: nextPageToken });
    items.push(...next.items);
    nextPageToken = next.nextPageToken;
  }
  return { items, nextPageToken };
}
