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

type ConfigClass<T extends object> = new () => T;

/** All members of each of these classes. */
type Members<T extends readonly ConfigClass<object>[]> = T extends readonly [
  ConfigClass<infer First>,
  ...infer Rest extends readonly ConfigClass<object>[],
]
  ? First & Members<Rest>
  : object;

const partsOf = new WeakMap<object, readonly ConfigClass<object>[]>();

/**
 * A class to extend that has the members of several parts of a configuration. The parts share no member and do not know
 * each other; a rule of one may read the members of all.
 */
export function composeConfig<const T extends readonly ConfigClass<object>[]>(...parts: T): ConfigClass<Members<T>> {
  class Composition {
    constructor() {
      for (const Part of parts) Object.assign(this, new Part());
    }
  }
  partsOf.set(Composition, parts);
  return Composition as ConfigClass<Members<T>>;
}

/**
 * Reads the environment into one frozen, typed object. A member `maxRangeDays` is the variable
 * `MAX_RANGE_DAYS`; a variable that is absent or empty leaves the member's default.
 *
 * @throws ConfigInvalidError with all problems at once.
 */
export function parseConfig<T extends object>(type: ConfigClass<T>, env: Environment): Readonly<T> {
  const classes = [type, ...(partsOf.get(Object.getPrototypeOf(type) as object) ?? [])];
  const config = new type();
  for (const each of classes) Object.assign(config, readMembers(each, env));
  const problems = classes.flatMap((each) => {
    // The rules are found by the class of the object; those of a part may read the members of all parts.
    const view = Object.assign(Object.create(each.prototype as object) as object, config);
    return validateSync(view).flatMap(describeProblem);
  });
  if (problems.length > 0) throw new ConfigInvalidError(problems);
  return Object.freeze(config);
}

function readMembers<T extends object>(type: ConfigClass<T>, env: Environment): T {
  const given: Record<string, string> = {};
  for (const member of Object.keys(new type())) {
    const value = env[toVariableName(member)];
    if (value !== undefined && value.trim() !== '') given[member] = value.trim();
  }
  return plainToInstance(type, given);
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
