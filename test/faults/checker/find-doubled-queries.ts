import type { History } from '../harness/history';

/** I4: one caller's submissions under one key are one query. */
export function findDoubledQueries({ calls }: History): string[] {
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
