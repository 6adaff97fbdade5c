import type { CommandUnknownOpts } from '@commander-js/extra-typings';

/** What can be typed, and what it is for. */
interface CompletedWord {
  word: string;
  description: string;
}

export interface CompletedOption extends CompletedWord {
  /** `file`: the shell's own names of files; a list: these; `other`: something that no shell knows; none: no value. */
  value: 'none' | 'file' | 'other' | readonly string[];
}

export interface CompletedCommand extends CompletedWord {
  options: CompletedOption[];
  /** Of its argument, where it has choices. */
  choices: readonly string[];
}

/** @param program Null: no commands. */
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
