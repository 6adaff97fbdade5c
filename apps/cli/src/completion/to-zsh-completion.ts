import type { CompletedCommand, CompletedOption } from './completion-tree';

/** For `eval "$(audit-query completion zsh)"` after compinit, or as a file `_audit-query` on the fpath. */
export function toZshCompletion(commands: readonly CompletedCommand[]): string {
  return `#compdef audit-query
_audit-query() {
  local -a commands
  commands=(
${commands.map(({ word, description }) => `    ${quote(`${word}:${description}`)}\n`).join('')}  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${commands.map(toCase).join('')}  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _audit-query "$@"; else compdef _audit-query audit-query; fi
`;
}

function toCase({ word, options, choices }: CompletedCommand): string {
  const specs = options.map((option) => quote(`${option.word}[${escape(option.description)}]${toValue(option)}`));
  if (choices.length > 0) specs.push(quote(`1:choice:(${choices.join(' ')})`));
  return `    ${word}) _arguments ${specs.join(' ')} ;;\n`;
}

function toValue({ value }: CompletedOption): string {
  if (value === 'none') return '';
  if (value === 'file') return ':file:_files';
  return value === 'other' ? ':value:' : `:value:(${value.join(' ')})`;
}

function escape(text: string): string {
  return text.replace(/[[\]:]/g, '\\$&');
}

function quote(text: string): string {
  return `'${text.replace(/'/g, `'\\''`)}'`;
}
