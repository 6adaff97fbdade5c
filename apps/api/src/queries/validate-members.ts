import { plainToInstance } from 'class-transformer';
import { validateSync, ValidationError } from 'class-validator';

/**
 * The members of a request as an instance of its class, and what the rules of the class have against them. Members
 * that it has not are among that.
 *
 * class-transformer would descend into whatever is sent until the stack is full, and would pass over what is named as a
 * member of every object is, such as `constructor`: neither reaches it.
 */
export function validateMembers<T extends object>(
  type: new () => T,
  given: object,
): { members: T; problems: ValidationError[] } {
  // No member of any request is an object or a list; an empty one is refused by the same rules.
  const flat = Object.entries(given as Record<string, unknown>).map(([name, value]): [string, unknown] => [
    name,
    typeof value === 'object' && value !== null ? {} : value,
  ]);
  const members = plainToInstance(type, Object.fromEntries(flat));
  const problems = validateSync(members, { whitelist: true, forbidNonWhitelisted: true });
  for (const property of Object.keys(given).filter((name) => name in Object.prototype)) {
    const constraints = { whitelistValidation: `property ${property} should not exist` };
    problems.push(Object.assign(new ValidationError(), { property, constraints }));
  }
  return { members, problems };
}
