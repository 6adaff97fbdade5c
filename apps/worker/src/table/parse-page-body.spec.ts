import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePageBody } from './parse-page-body';

const page = (...rows: unknown[]) => JSON.stringify({ value: rows });

describe('parsePageBody', () => {
  it('returns identifiers as text, and counts entities without one', () => {
    const text = page(
      { identificationNumber: 'A1' },
      { identificationNumber: '' },
      { identificationNumber: 12 },
      { identificationNumber: null },
      {},
    );
    expect(parsePageBody(text)).toEqual({ identifiers: ['A1', '', '12'], entitiesWithoutIdentifier: 2 });
  });

  it.each([
    '',
    '{}',
    'null',
    '[]',
    '<html>',
    '{"value":{}}',
    '{"value":[1]}',
    '{"value":[null]}',
    page({ identificationNumber: {} }),
    '{"value":[{"identificationNumber":"a\nb"}]}',
  ])('throws TABLE_PROTOCOL for %j', (text) => {
    expect(() => parsePageBody(text)).toThrow(expect.objectContaining({ code: 'TABLE_PROTOCOL' }));
  });

  it('returns every identifier that JSON can express', () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.stringMatching(/^[0-9A-Z]{9,11}$/),
      fc.constantFrom('', '"}', '\\', '"},{"'),
    );
    const entity = fc.record(
      { identificationNumber: fc.oneof(value, value, value, fc.integer(), fc.constant(null)) },
      { requiredKeys: [] },
    );
    const indent = fc.constantFrom(undefined, undefined, 1);
    fc.assert(
      fc.property(fc.array(fc.oneof(entity, fc.record({ identificationNumber: value }))), indent, (rows, space) => {
        const identifiers = rows.flatMap(({ identificationNumber: one }) =>
          one === undefined || one === null ? [] : [String(one)],
        );
        const expected = { identifiers, entitiesWithoutIdentifier: rows.length - identifiers.length };
        expect(parsePageBody(JSON.stringify({ value: rows }, undefined, space))).toEqual(expected);
      }),
    );
  });

  it('throws TABLE_PROTOCOL for a page that is cut', () => {
    const text = page({ identificationNumber: 'A1' }, { identificationNumber: 'B2' });
    for (let length = 0; length < text.length; length += 1) {
      expect(() => parsePageBody(text.slice(0, length))).toThrow(expect.objectContaining({ code: 'TABLE_PROTOCOL' }));
    }
    for (const other of [`${text}}`, text.replace(',', ''), text.replace('},{', '},,{'), text.replace(']', ',]')]) {
      expect(() => parsePageBody(other)).toThrow(expect.objectContaining({ code: 'TABLE_PROTOCOL' }));
    }
  });
});
