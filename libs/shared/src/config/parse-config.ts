import { plainToInstance } from 'class-transformer';
import { validateSync, type ValidationError } from 'class-validator';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The configuration cannot be used. The message names every problem, by variable and rule, never by value. */
export class ConfigInvalidError extends Error {
  override readonly name = 'ConfigInvalidError';
  readonly code = 'CONFIG_INVALID';

  constructor(readonly problems: readonly string[]) {
    super(`The configuration is not valid:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
  }
}

/**
 * Reads the environment into one frozen, typed object. A member `maxRangeDays` is the variable
 * `MAX_RANGE_DAYS`; a variable that is absent or empty leaves the member's default.
 *
 * @throws ConfigInvalidError with all problems at once.
 */
export function parseConfig<T extends object>(type: new () => T, env: Environment): Readonly<T> {
  const given: Record<string, string> = {};
  for (const member of Object.keys(new type())) {
    const value = env[toVariableName(member)];
    if (value !== undefined && value.trim() !== '') given[member] = value.trim();
  }
  const config = plainToInstance(type, given);
  const problems = validateSync(config).flatMap(describeProblem);
  if (problems.length > 0) throw new ConfigInvalidError(problems);
  return Object.freeze(config);
}

/** `maxRangeDays` to `MAX_RANGE_DAYS`. */
export function toVariableName(member: string): string {
  return member.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

function describeProblem({ property, constraints }: ValidationError): string[] {
  const name = toVariableName(property);
  // A rule of several constraints, such as a whole number in a range, is one sentence.
  const rules = new Set(Object.values(constraints ?? {}));
  return [...rules].map((rule) => `${name} ${rule.replace(`${property} `, '')}`);
}
