import { type Call, type History, listAccepted, listSightings, type Sighting } from '../harness/history';

/** I4: the answer to a submission is a query of the submitted range, and the answer to a call with an id has that id. */
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

/** The sightings of one id with one creation time and one request. */
interface Life {
  name: string;
  createdAt: number;
  firstSeen: Call;
  lastSeen: Call;
}

/**
 * I4: all submissions of a caller under one key are one query, created once. Ids are derived from keys, so a second query
 * shows by its creation time or its request. Only a query that may be lost may be created again.
 */
export function findDoubledQueries(history: History, { mayBeLost = false } = {}): string[] {
  const isLost = ({ createdAt, firstSeen }: Life) =>
    mayBeLost || history.losses.some(({ from, to }) => createdAt <= to && firstSeen.endedAt >= from);
  const violations = findDoubledIds(history);
  for (const [id, seen] of listSightings(history)) {
    const lives = listLives(seen);
    for (const [i, life] of lives.slice(1).entries()) {
      const former = lives[i]!;
      const isBack = former.lastSeen.startedAt > life.firstSeen.endedAt;
      if (isBack || !isLost(former)) violations.push(`I4: ${id} was ${former.name}, and is ${life.name}`);
    }
  }
  return violations;
}

function findDoubledIds({ calls }: History): string[] {
  const byKey = new Map<string, Set<string>>();
  for (const { kind, caller, key, answer } of calls) {
    const id = answer?.document?.id;
    if (kind !== 'submit' || key === undefined || id === undefined) continue;
    const name = `${caller} ${key}`;
    byKey.set(name, (byKey.get(name) ?? new Set()).add(id));
  }
  return [...byKey]
    .filter(([, ids]) => ids.size > 1)
    .map(([name, ids]) => `I4: ${name} is ${ids.size} queries: ${[...ids].join(', ')}`);
}

/** In the order of their creation. */
function listLives(seen: readonly Sighting[]): Life[] {
  const lives = new Map<string, Life>();
  for (const { call, document } of seen) {
    const name = `${document.createdAt} ${JSON.stringify(document.request)}`;
    const life = lives.get(name) ?? {
      name,
      createdAt: Date.parse(document.createdAt),
      firstSeen: call,
      lastSeen: call,
    };
    lives.set(name, { ...life, lastSeen: call });
  }
  return [...lives.values()].sort((a, b) => a.createdAt - b.createdAt);
}

/** I5: no answer contains the id of another caller's query, except a refusal that repeats the requested id. */
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
