import type { TableTruth } from '../../support/table-double/table-truth';
import { type History, listDocuments, type QueryDocument, type QueryRange } from '../harness/history';

const DAY_MS = 86_400_000;

type Completed = QueryDocument & { result: NonNullable<QueryDocument['result']> };

/** I3: every published result is that of the table, from scans as fresh as the caller asked for. */
export async function findWrongCounts(
  { calls }: History,
  readTruth: (range: QueryRange) => Promise<TableTruth>,
): Promise<string[]> {
  const completed = new Map<string, Completed>();
  for (const document of calls.flatMap(listDocuments)) {
    if (isCompleted(document)) completed.set(JSON.stringify(document), document);
  }
  const truths = new Map<string, Promise<TableTruth>>();
  const violations: string[] = [];
  for (const document of completed.values()) {
    const { id, request } = document;
    const key = `${request.start} ${request.end}`;
    const reading = truths.get(key) ?? readTruth(request);
    truths.set(key, reading);
    const problems = [...findUntruths(document, await reading), ...findStaleness(document)];
    violations.push(...problems.map((problem) => `I3: ${id} ${problem}`));
  }
  return violations;
}

function isCompleted(document: QueryDocument): document is Completed {
  return document.result !== null;
}

function findUntruths({ result, request }: Completed, truth: TableTruth): string[] {
  const days = (Date.parse(request.end) - Date.parse(request.start)) / DAY_MS + 1;
  const published = { ...result, days: result.daysScanned + result.daysReused };
  const right = { ...truth, days };
  const members = ['count', 'entitiesRead', 'entitiesWithoutIdentifier', 'days'] as const;
  return members
    .filter((member) => published[member] !== right[member])
    .map((member) => `has ${member} ${published[member]}, the table ${right[member]}`);
}

/** All times are of Redis' clock. */
function findStaleness({ result, request, createdAt, finishedAt }: Completed): string[] {
  const scannedAt = Date.parse(result.oldestScanAt);
  const isOlder = scannedAt < Date.parse(createdAt);
  const isWithin =
    scannedAt >= Date.parse(createdAt) - request.maxAgeSeconds * 1_000 && scannedAt <= Date.parse(finishedAt ?? '');
  return [
    ...(isWithin
      ? []
      : [`was created at ${createdAt}, ended at ${finishedAt} and was scanned at ${result.oldestScanAt}`]),
    ...(isOlder === result.daysReused > 0 ? [] : [`claims ${result.daysReused} reused days`]),
  ];
}
