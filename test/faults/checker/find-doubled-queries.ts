import { type Call, type History, listSightings, type Sighting } from '../harness/history';

/** What was created once, under one id, and asked for one thing. */
interface Life {
  name: string;
  createdAt: number;
  firstSeen: Call;
  lastSeen: Call;
}

/**
 * I4: one caller's submissions under one key are one query, created once: as ids are derived from keys, it is the time of
 * its creation and what it asks for that would tell of a second one. Only one that may be lost may be created again.
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
