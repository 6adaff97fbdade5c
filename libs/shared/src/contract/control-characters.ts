/**
 * What a terminal obeys instead of showing it: C0 and C1 controls and DEL (ESC, BEL, CR, U+009B …), and characters that
 * reorder or break a line (Unicode Standard Annex #9, section 2; U+2028, U+2029).
 */
const CONTROLS = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** An escape of a JSON string; the first group is a code unit, the second one of `\n`, `\"` and the like. */
const ESCAPE = /\\(?:u([0-9a-f]{4})|(.))/gi;

const SHORT_ESCAPES = new Map([
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

/**
 * A JSON text without control characters in its strings, raw or escaped; blanks take the place of tabs and line breaks.
 *
 * @param keptEscapes Such as `\n`, where line breaks are wanted.
 */
export function stripControls(json: string, keptEscapes: readonly string[] = []): string {
  return json
    .replace(ESCAPE, (escape, unit: string | undefined, short: string | undefined) => {
      const character = unit === undefined ? SHORT_ESCAPES.get(short ?? '') : String.fromCharCode(parseInt(unit, 16));
      if (character === undefined || keptEscapes.includes(escape)) return escape;
      return character.search(CONTROLS) === -1 ? escape : toBlank(character);
    })
    .replace(CONTROLS, toBlank);
}

/** A JSON text on one line that says the same, its control characters escaped. JSON.stringify escapes C0 alone. */
export function escapeControls(json: string): string {
  return json.replace(CONTROLS, (control) => {
    return control === '\n' ? control : `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

function toBlank(control: string): string {
  return /[\t\n\r]/.test(control) ? ' ' : '';
}
