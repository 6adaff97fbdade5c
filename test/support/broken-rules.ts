/** Predicates by the sentence that describes each. */
export type Rules<T> = Record<string, (subject: T) => boolean>;

export function brokenRules<T>(rules: Rules<T>, subject: T): string[] {
  return Object.entries(rules).flatMap(([rule, holds]) => (holds(subject) ? [] : [rule]));
}
