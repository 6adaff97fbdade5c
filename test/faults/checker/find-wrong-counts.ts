import type { TableTruth } from '../../support/table-double/table-truth';
import type { History, QueryDocument, QueryRange } from '../harness/history';

/** I3: every count that was published is the truth. */
export async function findWrongCounts(
  { calls }: History,
  readTruth: (range: QueryRange) => Promise<TableTruth>,
): Promise<string[]> {
  const completed = new Map<string, QueryDocument>();
  for (const { answer } of calls) {
    if (answer?.document?.result) completed.set(answer.body, answer.document);
  }
  const truths = new Map<string, Promise<TableTruth>>();
  const violations: string[] = [];
  for (const { id, request, result } of completed.values()) {
    const key = `${request.start} ${request.end}`;
    const reading = truths.get(key) ?? readTruth(request);
    truths.set(key, reading);
    const { count, entitiesRead } = await reading;
    if (result?.count !== count || result.entitiesRead !== entitiesRead) {
      violations.push(
        `I3: ${id} has ${result?.count} of ${result?.entitiesRead}, in truth ${count} of ${entitiesRead}`,
      );
    }
  }
  return violations;
}
