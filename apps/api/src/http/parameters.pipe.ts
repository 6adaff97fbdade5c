import { type ArgumentMetadata, Injectable, type PipeTransform } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { validateSync, ValidationError } from 'class-validator';
import { ProblemError } from './problem-error';

/** Turns the query string into an instance of the class of the handler's parameter. */
@Injectable()
export class ParametersPipe implements PipeTransform<object, object> {
  /** @throws ProblemError REQUEST_INVALID, which names every wrong parameter. */
  transform(query: object, { metatype }: ArgumentMetadata): object {
    if (metatype === undefined) throw new TypeError('the parameter of the handler has no class');
    const parameters = plainToInstance(metatype, query) as object;
    const problems = validateMembers(parameters, query);
    if (problems.length === 0) return parameters;
    const rules = problems.map(({ property, constraints = {} }) =>
      constraints['whitelistValidation']
        ? `${property} is not a parameter of this route`
        : Object.values(constraints)[0],
    );
    throw new ProblemError('REQUEST_INVALID', { detail: `${rules.join('; ')}.` });
  }
}

/**
 * Validates the members of a request by the decorators of its class. Reports unknown members too, also those that
 * class-validator skips because `Object.prototype` has the name.
 *
 * @param given The request before it was turned into an instance.
 */
export function validateMembers(members: object, given: object): ValidationError[] {
  const problems = validateSync(members, { whitelist: true, forbidNonWhitelisted: true });
  for (const property of Object.keys(given).filter((name) => name in Object.prototype)) {
    const constraints = { whitelistValidation: `property ${property} should not exist` };
    problems.push(Object.assign(new ValidationError(), { property, constraints }));
  }
  return problems;
}
