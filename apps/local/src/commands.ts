import { EXAMPLE_QUERY } from './sample-data';

/** Three lines for bash or zsh with nothing but curl, to be pasted one after the other, or all at once. */
export interface Commands {
  /** Submits the example and keeps the answer. */
  submit: string;
  /** Follows `Location` once. */
  follow: string;
  /** Asks again after each `Retry-After` until there is an answer, and prints its count. */
  result: string;
}

/** @param origin Of the api, such as `http://127.0.0.1:3000`; its `Location` must be absolute. */
export function toCommands(origin: string): Commands {
  const { start, end } = EXAMPLE_QUERY;
  const post = `curl -si -X POST ${origin}/api/queries -H 'content-type: application/json' -d '${JSON.stringify({ start, end })}'`;
  const ask = `answer=$(curl -si "$location" | tr -d '\\r')`;
  return {
    submit: `submitted=$(${post} | tr -d '\\r'); echo "$submitted"`,
    follow: `location=$(${readHeader('submitted', 'location')}); curl -si "$location"`,
    result:
      `while ${ask}; grep -q '^HTTP/[0-9.]* 202' <<< "$answer"; do sleep "$(${readHeader('answer', 'retry-after')})" || break; done; ` +
      `grep -o '"count": *[0-9]*' <<< "$answer" || echo "$answer"`,
  };
}

function readHeader(variable: string, name: string): string {
  return `grep -i '^${name}:' <<< "$${variable}" | cut -d ' ' -f 2`;
}
