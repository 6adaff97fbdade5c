import type { CompletedCommand, CompletedOption } from './completion-tree';

/** For `audit-query completion fish | source`. */
export function toFishCompletion(commands: readonly CompletedCommand[]): string {
  const lines = commands.flatMap(({ word, description, options, choices }) => {
    const isSeen = `-n '__fish_seen_subcommand_from ${word}'`;
    return [
      `-n __fish_use_subcommand -a ${word} -d ${quote(description)}`,
      ...options.map((option) => `${isSeen} ${toOption(option)}`),
      ...(choices.length > 0 ? [`${isSeen} -a '${choices.join(' ')}'`] : []),
    ];
  });
  return ['complete -c audit-query -f', ...lines.map((line) => `complete -c audit-query ${line}`), ''].join('\n');
}

function toOption({ word, description, value }: CompletedOption): string {
  const kind =
    value === 'none' ? '' : value === 'file' ? ' -rF' : value === 'other' ? ' -x' : ` -xa '${value.join(' ')}'`;
  return `-l ${word.replace(/^--/, '')}${kind} -d ${quote(description)}`;
}

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
