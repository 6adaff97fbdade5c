import { Argument, Command, type CommandUnknownOpts } from '@commander-js/extra-typings';
import { ExitCode } from '../command-failed-error';
import type { CommandContext } from './run-command';

const SHELLS = { bash: toBashCompletion, zsh: toZshCompletion, fish: toFishCompletion };

export function createCompletionCommand(context: CommandContext) {
  const command = new Command('completion')
    .description('print a completion script for a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(SHELLS) as (keyof typeof SHELLS)[]));
  return command.action(async (shell) => {
    await context.terminal.print(SHELLS[shell](toCompletionTree(command.parent)));
    context.exitCode = ExitCode.Done;
  });
}

interface CompletedWord {
  word: string;
  description: string;
}

interface CompletedOption extends CompletedWord {
  /** `none`: no value; `file`: the shell completes file names; a list: these values; `other`: no completion. */
  value: 'none' | 'file' | 'other' | readonly string[];
}

interface CompletedCommand extends CompletedWord {
  options: CompletedOption[];
  /** The values of its argument; empty if it takes any value. */
  choices: readonly string[];
}

export function toCompletionTree(program: CommandUnknownOpts | null): CompletedCommand[] {
  return (program?.commands ?? []).map((command) => ({
    word: command.name(),
    description: command.description(),
    options: [...command.options].map(({ long, description, required, argChoices, flags }) => ({
      word: long ?? '',
      description,
      value: !required ? 'none' : (argChoices ?? (flags.endsWith('<file>') ? 'file' : 'other')),
    })),
    choices: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
  }));
}

/** For `eval "$(audit-query completion bash)"`; works without bash-completion. */
export function toBashCompletion(commands: readonly CompletedCommand[]): string {
  const options = commands.flatMap((command) => command.options);
  const files = [...new Set(options.filter(({ value }) => value === 'file').map(({ word }) => word))];
  const others = [...new Set(options.filter(({ value }) => value === 'other').map(({ word }) => word))];
  const valueLists = new Map(
    options.flatMap(({ word, value }) => (Array.isArray(value) ? [[word, value.join(' ')]] : [])),
  );
  const commandCases = commands.map(
    ({ word, options, choices }) =>
      `    ${word}) words='${[...options.map((option) => option.word), '--help', ...choices].join(' ')}' ;;\n`,
  );
  return `_audit_query() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} words
  COMPREPLY=()
  case $previous in
    ${files.join('|')}) COMPREPLY=($(compgen -f -- "$current")); return ;;
    ${others.join('|')}) return ;;
${[...valueLists].map(([word, values]) => `    ${word}) COMPREPLY=($(compgen -W '${values}' -- "$current")); return ;;\n`).join('')}  esac
  case \${COMP_CWORD}:\${COMP_WORDS[1]} in
    1:*) words='${commands.map(({ word }) => word).join(' ')} --help --version' ;;
${commandCases.map((line) => line.replace(/^ {4}/, '    *:')).join('')}  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _audit_query audit-query
`;
}

/** For `audit-query completion fish | source`. */
export function toFishCompletion(commands: readonly CompletedCommand[]): string {
  const lines = commands.flatMap(({ word, description, options, choices }) => {
    const isSeen = `-n '__fish_seen_subcommand_from ${word}'`;
    return [
      `-n __fish_use_subcommand -a ${word} -d ${quoteFish(description)}`,
      ...options.map((option) => `${isSeen} ${toFishOption(option)}`),
      ...(choices.length > 0 ? [`${isSeen} -a '${choices.join(' ')}'`] : []),
    ];
  });
  return ['complete -c audit-query -f', ...lines.map((line) => `complete -c audit-query ${line}`), ''].join('\n');
}

function toFishOption({ word, description, value }: CompletedOption): string {
  const kind =
    value === 'none' ? '' : value === 'file' ? ' -rF' : value === 'other' ? ' -x' : ` -xa '${value.join(' ')}'`;
  return `-l ${word.replace(/^--/, '')}${kind} -d ${quoteFish(description)}`;
}

function quoteFish(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}

/** For `eval "$(audit-query completion zsh)"` after compinit, or as a file `_audit-query` on the fpath. */
export function toZshCompletion(commands: readonly CompletedCommand[]): string {
  return `#compdef audit-query
_audit-query() {
  local -a commands
  commands=(
${commands.map(({ word, description }) => `    ${quoteZsh(`${word}:${description}`)}\n`).join('')}  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${commands.map(toZshCase).join('')}  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _audit-query "$@"; else compdef _audit-query audit-query; fi
`;
}

function toZshCase({ word, options, choices }: CompletedCommand): string {
  const specs = options.map((option) =>
    quoteZsh(`${option.word}[${escapeZsh(option.description)}]${toZshValue(option)}`),
  );
  if (choices.length > 0) specs.push(quoteZsh(`1:choice:(${choices.join(' ')})`));
  return `    ${word}) _arguments ${specs.join(' ')} ;;\n`;
}

function toZshValue({ value }: CompletedOption): string {
  if (value === 'none') return '';
  if (value === 'file') return ':file:_files';
  return value === 'other' ? ':value:' : `:value:(${value.join(' ')})`;
}

function escapeZsh(text: string): string {
  return text.replace(/[[\]:]/g, '\\$&');
}

function quoteZsh(text: string): string {
  return `'${text.replace(/'/g, `'\\''`)}'`;
}
