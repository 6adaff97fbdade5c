import { listDays, type CalendarDay } from '#shared/contract/calendar-day';

/** One entity of the table `audit`: something that a person did, on the day that is its partition. */
export interface AuditEntity {
  /** The day. */
  partitionKey: CalendarDay;
  rowKey: string;
  /** Who it was; what a query counts. A few entities have none. */
  identificationNumber?: string;
  /** Absent or empty where no certificate was involved; such an entity does not count. */
  CertNumber?: string;
  operation: string;
  channel: string;
  recordedAt: Date;
  durationMs: number;
}

export const SAMPLE_DAYS = listDays('2021-09-01' as CalendarDay, '2021-12-31' as CalendarDay);

/** The original's example query, both days inclusive, and its answer over the sample data. */
export const EXAMPLE_QUERY = {
  start: '2021-10-10' as CalendarDay,
  end: '2021-12-10' as CalendarDay,
  count: 119,
};

const SEED = 20_211_010;
const EMPTY_DAYS = new Set(['2021-09-12', '2021-10-03', '2021-10-30', '2021-10-31', '2021-12-05', '2021-12-25']);

/** Ten times an ordinary day, and more certificates than fit in one page of the table service. */
const GIANT_DAY = '2021-11-18';
const GIANT_FACTOR = 10;
const FEWEST_A_DAY = 120;
const MOST_A_DAY = 130;

interface Person {
  identificationNumber?: string;
  /** Whether the entities of this person may have a certificate on that day. */
  mayHoldOn(day: CalendarDay): boolean;
  /** A day on which one entity of this person does have one. */
  certainDay?: CalendarDay;
}

/**
 * The whole table, the same at every call, by day and row key.
 *
 * Every usual mistake in counting the example gives something else than its 119: a bound that is left out or read as
 * the day next to it, a missing or empty `CertNumber` taken for a certificate, upper and lower case taken for the same,
 * and an entity of nobody taken for a person.
 */
export function generateSampleData(): AuditEntity[] {
  const random = createRandom(SEED);
  const holders = createHolders();
  const others = createPeople(1_200, 2_000, () => false);
  const nobody: Person = { mayHoldOn: () => true };

  return SAMPLE_DAYS.filter((day) => !EMPTY_DAYS.has(day)).flatMap((day) => {
    const isGiant = day === GIANT_DAY;
    const choice = isGiant ? holders.filter((person) => person.mayHoldOn(day)) : holders;
    const certain = holders.filter((person) => person.certainDay === day);
    const size = isGiant
      ? (GIANT_FACTOR * (FEWEST_A_DAY + MOST_A_DAY)) / 2
      : FEWEST_A_DAY + random(MOST_A_DAY - FEWEST_A_DAY + 1);
    return Array.from({ length: size }, (_, index) => {
      const kind = random(100);
      const isHolder = kind < (isGiant ? 97 : 60);
      const person = certain[index] ?? (isHolder ? pick(choice, random) : kind < 99 ? pick(others, random) : nobody);
      const holds = person.mayHoldOn(day) && (index < certain.length || random(100) < (isGiant ? 97 : 70));
      return createEntity(day, index, size, person, holds, random);
    });
  });
}

/** Everyone who ever has a certificate; the comments say in what the example counts them. */
function createHolders(): Person[] {
  const { start, end } = EXAMPLE_QUERY;
  const daysInside = SAMPLE_DAYS.filter((day) => day >= start && day <= end && !EMPTY_DAYS.has(day));
  const everyDay = createPeople(104, 100, () => true);
  const lowerCase = createPeople(3, 300, () => true, 'a');
  const upperCase = createPeople(3, 300, () => true, 'A');
  return [
    // 110, six of them being three pairs that differ only in case.
    ...[...everyDay, ...lowerCase, ...upperCase].map((person, index) =>
      makeCertain(person, daysInside[(index * 7) % daysInside.length]),
    ),
    // 4 on its first day only, 5 on its last day only.
    ...createPeople(4, 400, (day) => day <= start).map((person) => makeCertain(person, start)),
    ...createPeople(5, 500, (day) => day >= end).map((person) => makeCertain(person, end)),
    // None: 7 until the day before, 9 from the day after.
    ...createPeople(7, 600, (day) => day < start).map((person) => makeCertain(person, '2021-10-09' as CalendarDay)),
    ...createPeople(9, 700, (day) => day > end).map((person) => makeCertain(person, '2021-12-11' as CalendarDay)),
  ];
}

function makeCertain(person: Person, day: CalendarDay | undefined): Person {
  return day === undefined ? person : { ...person, certainDay: day };
}

/** @param suffix A letter; by default one that follows from the number. */
function createPeople(count: number, firstNumber: number, mayHoldOn: Person['mayHoldOn'], suffix?: string): Person[] {
  return Array.from({ length: count }, (_, index) => {
    const number = firstNumber + index;
    const letter = suffix ?? String.fromCharCode('A'.charCodeAt(0) + (number % 26));
    return { identificationNumber: `TEST${String(number).padStart(4, '0')}${letter}`, mayHoldOn };
  });
}

function createEntity(
  day: CalendarDay,
  index: number,
  size: number,
  { identificationNumber }: Person,
  holds: boolean,
  random: Random,
): AuditEntity {
  const certificate = holds
    ? { CertNumber: `TESTCERT-${String(random(1_000_000)).padStart(6, '0')}` }
    : random(2) === 0
      ? { CertNumber: '' }
      : {};
  return {
    partitionKey: day,
    rowKey: String(index).padStart(6, '0'),
    ...(identificationNumber === undefined ? {} : { identificationNumber }),
    ...certificate,
    operation: pick(['issue', 'renew', 'verify', 'revoke'], random),
    channel: pick(['web', 'mobile', 'counter'], random),
    recordedAt: new Date(Date.parse(day) + Math.floor((index / size) * 86_400_000) + random(1_000)),
    durationMs: 20 + random(2_000),
  };
}

/** A whole number from 0 to below `limit`. */
type Random = (limit: number) => number;

/** mulberry32: a few lines, and the same numbers on every machine. */
function createRandom(seed: number): Random {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

function pick<T>(items: readonly T[], random: Random): T {
  const item = items[random(items.length)];
  if (item === undefined) throw new RangeError('There is nothing to pick from.');
  return item;
}
