import { type History, listAccepted } from '../harness/history';

/** I5: no caller is answered anything with the id of another's query in it, but that there is no such query. */
export function findLeaksToOthers(history: History): string[] {
  const accepted = listAccepted(history);
  const violations: string[] = [];
  for (const { kind, id: asked, caller, answer } of history.calls) {
    if (answer === undefined) continue;
    const isOthers = (id: string) => accepted.has(id) && accepted.get(id)?.caller !== caller;
    const refuses = [404, 503, 429].includes(answer.status);
    for (const id of answer.body.match(/\b[0-9a-f]{32}\b/g) ?? []) {
      const mayRepeat = refuses && id === asked;
      if (isOthers(id) && !mayRepeat) violations.push(`I5: ${caller} saw ${id}, another's, by ${kind}`);
    }
  }
  return [...new Set(violations)];
}
