import type { Call, History } from '../harness/history';

/** I4: whoever submits is answered with a query for what was asked, and whoever names one with that one. */
export function findWrongQueries({ calls }: History): string[] {
  const isWrong = ({ id, range, answer }: Call) => {
    const document = answer?.document;
    if (document === undefined) return false;
    const { start, end } = document.request;
    const isOther = id !== undefined && id !== document.id;
    return isOther || (range !== undefined && (range.start !== start || range.end !== end));
  };
  return calls.filter(isWrong).map(({ kind, id, range, answer }) => {
    const asked = id ?? `${range?.start} to ${range?.end}`;
    return `I4: a ${kind} of ${asked} was answered ${answer?.body}`;
  });
}
