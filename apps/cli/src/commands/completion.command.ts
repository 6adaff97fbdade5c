import { Argument, Command } from '@commander-js/extra-typings';
import { toBashCompletion } from '../completion/to-bash-completion';
import { toCompletionTree } from '../completion/completion-tree';
import { toFishCompletion } from '../completion/to-fish-completion';
import { toZshCompletion } from '../completion/to-zsh-completion';
import { ExitCode } from '../exit-code';
import type { CommandContext } from '../run-command';

const SHELLS = { bash: toBashCompletion, zsh: toZshCompletion, fish: toFishCompletion };

export function createCompletionCommand(context: CommandContext) {
  const command = new Command('completion')
    .description('print a script that makes the shell complete commands and options')
    .addArgument(new Argument('<shell>', 'for which shell').choices(Object.keys(SHELLS) as (keyof typeof SHELLS)[]));
  return command.action(async (shell) => {
    await context.terminal.print(SHELLS[shell](toCompletionTree(command.parent)));
    context.exitCode = ExitCode.Done;
  });
}
