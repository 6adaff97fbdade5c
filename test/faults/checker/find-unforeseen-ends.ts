import { type History, isOver, listSightings, type QueryDocument } from '../harness/history';

/** I1: a query fails only for a reason that was made, and is terminated only by its caller: all others are completed. */
export function findUnforeseenEnds({ calls }: History, { mayFailAs = [] as readonly string[] } = {}): string[] {
  const wished = new Set(calls.filter(({ kind }) => kind === 'terminate').map(({ caller, id }) => `${caller} ${id}`));
  const isForeseen = (caller: string, { id, status, error }: QueryDocument) => {
    if (status === 'Failed') return mayFailAs.includes(error?.code ?? '');
    return status !== 'Terminated' || wished.has(`${caller} ${id}`);
  };
  const ends = [...listSightings({ calls }).values()].flatMap(
    (seen) => seen.find(({ document }) => isOver(document)) ?? [],
  );
  return ends
    .filter(({ call, document }) => !isForeseen(call.caller, document))
    .map(({ document: { id, status, error } }) => `I1: ${id} was ${status}${error ? ` as ${error.code}` : ''}`);
}
