import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPageBody } from './read-page-body';

const page = (...rows: unknown[]) => JSON.stringify({ value: rows });

describe('readPageBody', () => {
  it('takes identifiers as text, and entities that have none apart', () => {
    const text = page(
      { identificationNumber: 'A1' },
      { identificationNumber: '' },
      { identificationNumber: 12 },
      { identificationNumber: null },
      {},
    );
    expect(readPageBody(text)).toEqual({ identifiers: ['A1', '', '12'], entitiesWithoutIdentifier: 2 });
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
  ])('does not take %j for an answer', (text) => {
    expect(() => readPageBody(text)).toThrow(expect.objectContaining({ code: 'TABLE_PROTOCOL' }));
  });

  it('gives what JSON.parse would, whatever the identifiers are', () => {
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
        expect(readPageBody(JSON.stringify({ value: rows }, undefined, space))).toEqual(expected);
      }),
    );
  });

  it('takes no page that is cut for a whole one', () => {
    const text = page({ identificationNumber: 'A1' }, { identificationNumber: 'B2' });
    for (let length = 0; length < text.length; length += 1) {
      expect(() => readPageBody(text.slice(0, length))).toThrow(expect.objectContaining({ code: 'TABLE_PROTOCOL' }));
    }
    for (const other of [`${text}}`, text.replace(',', ''), text.replace('},{', '},,{'), text.replace(']', ',]')]) {
      expect(() => readPageBody(other)).toThrow(expect.objectContaining({ code: 'TABLE_PROTOCOL' }));
    }
  });
});
