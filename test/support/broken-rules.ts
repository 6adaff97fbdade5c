/** What has to hold of something, each rule by the sentence that says it. */
export type Rules<T> = Record<string, (subject: T) => boolean>;

export function brokenRules<T>(rules: Rules<T>, subject: T): string[] {
  return Object.entries(rules).flatMap(([rule, holds]) => (holds(subject) ? [] : [rule]));
}
