import { describe, expect, it } from 'vitest';
import { type AuditEntity, EXAMPLE_QUERY, generateSampleData, SAMPLE_DAYS } from './sample-data';

const entities = generateSampleData();
const { start, end } = EXAMPLE_QUERY;

const inRange = ({ partitionKey }: AuditEntity): boolean => partitionKey >= start && partitionKey <= end;
const hasCertificate = ({ CertNumber }: AuditEntity): boolean => CertNumber !== undefined && CertNumber !== '';

function countDistinct(
  include: (entity: AuditEntity) => boolean,
  identify: (id: string | undefined) => string | undefined = (id) => id,
  isSomebody: (id: string | undefined) => boolean = (id) => id !== undefined,
): number {
  const ids = entities.filter(include).map((entity) => entity.identificationNumber);
  return new Set(ids.filter(isSomebody).map(identify)).size;
}

function sizesByDay(): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { partitionKey } of entities) sizes.set(partitionKey, (sizes.get(partitionKey) ?? 0) + 1);
  return sizes;
}

describe('the sample data', () => {
  it('counts 119 people with a certificate from 2021-10-10 to 2021-12-10, both inclusive', () => {
    expect(EXAMPLE_QUERY).toEqual({ start: '2021-10-10', end: '2021-12-10', count: 119 });
    expect(countDistinct((entity) => inRange(entity) && hasCertificate(entity))).toBe(119);
  });

  it.each<[string, number]>([
    ['leaves out the first day', countDistinct((e) => inRange(e) && e.partitionKey > start && hasCertificate(e))],
    ['leaves out the last day', countDistinct((e) => inRange(e) && e.partitionKey < end && hasCertificate(e))],
    [
      'adds the day before',
      countDistinct((e) => hasCertificate(e) && e.partitionKey >= '2021-10-09' && e.partitionKey <= end),
    ],
    [
      'adds the day after',
      countDistinct((e) => hasCertificate(e) && e.partitionKey >= start && e.partitionKey <= '2021-12-11'),
    ],
    [
      'reads the days month-first',
      countDistinct((e) => hasCertificate(e) && e.partitionKey >= start && e.partitionKey <= '2021-10-12'),
    ],
    ['forgets the range', countDistinct(hasCertificate)],
    ['forgets the certificate', countDistinct(inRange)],
    ['takes a missing certificate for one', countDistinct((e) => inRange(e) && e.CertNumber !== '')],
    ['takes an empty certificate for one', countDistinct((e) => inRange(e) && e.CertNumber !== undefined)],
    [
      'forgets about case',
      countDistinct(
        (e) => inRange(e) && hasCertificate(e),
        (id) => id?.toLowerCase(),
      ),
    ],
    [
      'takes nobody for a person',
      countDistinct(
        (e) => inRange(e) && hasCertificate(e),
        undefined,
        () => true,
      ),
    ],
    ['counts entities', entities.filter((e) => inRange(e) && hasCertificate(e)).length],
    [
      'counts certificates',
      new Set(entities.filter((e) => inRange(e) && hasCertificate(e)).map((e) => e.CertNumber)).size,
    ],
  ])('gives another number to whoever %s', (_mistake, count) => {
    expect(count).not.toBe(119);
  });

  it('is the same at every call', () => {
    expect(generateSampleData()).toEqual(entities);
  });

  it('has 15,000 to 20,000 entities, each with a key of its own, in the order of the table', () => {
    const keys = entities.map(({ partitionKey, rowKey }) => `${partitionKey} ${rowKey}`);
    expect(keys.length).toBeGreaterThanOrEqual(15_000);
    expect(keys.length).toBeLessThanOrEqual(20_000);
    expect(new Set(keys).size).toBe(keys.length);
    expect([...keys].sort()).toEqual(keys);
  });

  it('has some days without entities and one that is ten times as large as the rest', () => {
    const sizes = sizesByDay();
    const [giant, ...rest] = [...sizes.values()].sort((a, b) => b - a);
    const mean = rest.reduce((sum, size) => sum + size, 0) / rest.length;
    expect(SAMPLE_DAYS).toHaveLength(122);
    expect([...sizes.keys()].every((day) => (SAMPLE_DAYS as string[]).includes(day))).toBe(true);
    expect(SAMPLE_DAYS.length - sizes.size).toBe(6);
    expect((giant ?? 0) / mean).toBeCloseTo(10, 0);
  });

  it('has one day whose certificates need more than one page of the table service', () => {
    const certificates = entities.filter((entity) => entity.partitionKey === '2021-11-18' && hasCertificate(entity));
    expect(certificates.length).toBeGreaterThan(1_000);
  });

  it('has people on many days, and each kind of entity that a reader must not stumble over', () => {
    const days = new Map<string, Set<string>>();
    for (const { identificationNumber, partitionKey } of entities.filter(hasCertificate)) {
      if (identificationNumber === undefined) continue;
      days.set(identificationNumber, (days.get(identificationNumber) ?? new Set()).add(partitionKey));
    }
    expect([...days.values()].filter((ofPerson) => ofPerson.size > 10).length).toBeGreaterThan(100);
    expect(entities.filter((e) => e.CertNumber === undefined).length).toBeGreaterThan(1_000);
    expect(entities.filter((e) => e.CertNumber === '').length).toBeGreaterThan(1_000);
    expect(entities.filter((e) => inRange(e) && hasCertificate(e) && !e.identificationNumber).length).toBeGreaterThan(
      10,
    );
  });

  it('says of every identifier that it is made up', () => {
    expect(entities.filter((e) => !/^TEST\d{4}[A-Za-z]$/.test(e.identificationNumber ?? 'TEST0000A'))).toEqual([]);
  });
});
