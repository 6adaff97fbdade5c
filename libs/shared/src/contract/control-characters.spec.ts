import { describe, expect, it } from 'vitest';
import { escapeControls, stripControls } from './control-characters';

const HOSTILE =
  '\u001b]0;title\u0007\u001b[2J\u009b2J a\rb\nc\td \u202egnp.exe\u2066\u200f\u061c\u2028\u007f\u0000\b\f';

describe('stripControls', () => {
  it('removes every control from strings and names, escaped or not, and leaves a JSON text', () => {
    for (const json of [
      JSON.stringify({ [HOSTILE]: [HOSTILE] }),
      `{"${escapeAll(HOSTILE)}":["${escapeAll(HOSTILE)}"]}`,
    ]) {
      const plain = ']0;title[2J2J a b c d gnp.exe';
      expect(JSON.parse(stripControls(json))).toEqual({ [plain]: [plain] });
    }
  });

  it('leaves backslashes, quotes and other characters alone', () => {
    const value = { text: '\\u001b "quoted" \\n é 漢 😀 \ud800', n: 1 };
    expect(JSON.parse(stripControls(JSON.stringify(value)))).toEqual(value);
  });

  it('keeps the escapes that are wanted', () => {
    expect(stripControls(JSON.stringify('a\nb\rc'), ['\\n'])).toBe('"a\\nb c"');
  });
});

describe('escapeControls', () => {
  it('says the same in a line without control characters', () => {
    const line = `${escapeControls(JSON.stringify({ text: HOSTILE }))}\n`;
    expect(line.trimEnd()).not.toMatch(/[\p{Cc}\p{Cf}\u2028]/u);
    expect(JSON.parse(line)).toEqual({ text: HOSTILE });
  });
});

/** Each character as JSON can escape it. */
function escapeAll(text: string): string {
  return [...text].map((one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
}
