import type { CompletedCommand } from './completion-tree';

/** For `eval "$(audit-query completion bash)"`; needs nothing of bash-completion. */
export function toBashCompletion(commands: readonly CompletedCommand[]): string {
  const options = commands.flatMap((command) => command.options);
  const files = [...new Set(options.filter(({ value }) => value === 'file').map(({ word }) => word))];
  const others = [...new Set(options.filter(({ value }) => value === 'other').map(({ word }) => word))];
  const listed = new Map(options.flatMap(({ word, value }) => (Array.isArray(value) ? [[word, value.join(' ')]] : [])));
  const ofCommands = commands.map(
    ({ word, options, choices }) =>
      `    ${word}) words='${[...options.map((option) => option.word), '--help', ...choices].join(' ')}' ;;\n`,
  );
  return `_audit_query() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} words
  COMPREPLY=()
  case $previous in
    ${files.join('|')}) COMPREPLY=($(compgen -f -- "$current")); return ;;
    ${others.join('|')}) return ;;
${[...listed].map(([word, values]) => `    ${word}) COMPREPLY=($(compgen -W '${values}' -- "$current")); return ;;\n`).join('')}  esac
  case \${COMP_CWORD}:\${COMP_WORDS[1]} in
    1:*) words='${commands.map(({ word }) => word).join(' ')} --help --version' ;;
${ofCommands.map((line) => line.replace(/^ {4}/, '    *:')).join('')}  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _audit_query audit-query
`;
}
