import { Transform, Type } from 'class-transformer';
import {
  buildMessage,
  IsBoolean,
  IsInt,
  Matches,
  Max,
  Min,
  ValidateBy,
  type ValidationArguments,
  type ValidationOptions,
} from 'class-validator';

/** A whole number from `min` to `max`. */
export function WholeNumber(min: number, max: number): PropertyDecorator {
  const message = `must be a whole number from ${min} to ${max}`;
  return all(
    Type(() => Number),
    IsInt({ message }),
    Min(min, { message }),
    Max(max, { message }),
  );
}

/** A TCP port; 0 lets the system choose. */
export function Port(): PropertyDecorator {
  return WholeNumber(0, 65_535);
}

/** `true` and `false` as a variable or a parameter has them; any other value stays, so that a rule rejects it. */
export function toBoolean({ value }: { value: unknown }): unknown {
  return value === 'true' ? true : value === 'false' ? false : value;
}

/** `true` or `false`; anything else is a problem, not a false. */
export function Flag(): PropertyDecorator {
  return all(Transform(toBoolean), IsBoolean({ message: 'must be true or false' }));
}

/** The name of a secret in Key Vault: learn.microsoft.com, "About keys, secrets and certificates". */
export function SecretName(): PropertyDecorator {
  return Matches(/^[0-9A-Za-z-]{1,127}$/, {
    message: 'must be the name of a secret: 1 to 127 letters, digits and dashes',
  });
}

/** What RFC 6749 (3.3) lets a scope be made of; an app role goes the same way, into a list of such. */
export function PermissionName(): PropertyDecorator {
  return Matches(/^[\x21\x23-\x5b\x5d-\x7e]{1,120}$/, { message: 'must be one word, without quotation marks' });
}

/** A rule over the whole configuration, told as a problem of this member. */
export function Rule<T extends object>(
  name: string,
  message: string,
  holds: (config: T) => boolean,
  options?: ValidationOptions,
): PropertyDecorator {
  return ValidateBy(
    {
      name,
      validator: {
        validate: (_value: unknown, args?: ValidationArguments) => holds(args?.object as T),
        defaultMessage: buildMessage(() => message, options),
      },
    },
    options,
  );
}

/** A rule over the whole configuration that finds what is wrong with this member, or undefined when nothing is. */
export function Problem<T extends object>(find: (config: T) => string | undefined): PropertyDecorator {
  return ValidateBy({
    name: 'hasNoProblem',
    validator: {
      validate: (_value: unknown, args?: ValidationArguments) => find(args?.object as T) === undefined,
      defaultMessage: (args?: ValidationArguments) => find(args?.object as T) ?? '',
    },
  });
}

/** An absolute URL of one of these schemes. */
export function UrlOf(...schemes: string[]): PropertyDecorator {
  const message = `must be a URL that begins with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`;
  return ValidateBy({
    name: 'isUrlOf',
    validator: {
      validate: (value: unknown) =>
        typeof value === 'string' && URL.canParse(value) && schemes.includes(new URL(value).protocol.slice(0, -1)),
      defaultMessage: () => message,
    },
  });
}

function all(...decorators: PropertyDecorator[]): PropertyDecorator {
  return (target, member) => decorators.forEach((decorate) => decorate(target, member));
}
