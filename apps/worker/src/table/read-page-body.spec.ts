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
  ])('does not take %j for an answer', (text) => {
    expect(() => readPageBody(text)).toThrow(expect.objectContaining({ code: 'TABLE_PROTOCOL' }));
  });
});
