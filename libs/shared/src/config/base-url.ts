import { Transform } from 'class-transformer';
import { ValidateBy } from 'class-validator';

const RULE = 'must be a URL that begins with https:// or http://, without a user, a query or a fragment';

/**
 * An absolute URL to which a path can be appended, in ASCII and without a slash at its end, since it goes into a header:
 * other characters are not allowed there, and a password would be shown to every caller.
 */
export function BaseUrl(): PropertyDecorator {
  const transform = Transform(({ value }: { value: unknown }) => readBaseUrl(value) ?? value);
  const validate = ValidateBy({
    name: 'isBaseUrl',
    validator: { validate: (value: unknown) => readBaseUrl(value) !== undefined, defaultMessage: () => RULE },
  });
  return (target, member) => [transform, validate].forEach((decorate) => decorate(target, member));
}

/** Keeps a member that is the URL of an origin in the form of `readOrigin`; any other is left to the rules. */
export function AsOrigin(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) => readOrigin(value) ?? value);
}

/** What is wrong with the address of a service that has no path, as the end of a sentence that begins with its name. */
export function findOriginProblem(url: string, isSafe: (url: string) => boolean): string | undefined {
  if (!isSafe(url)) return 'must be a URL that begins with https://';
  return readOrigin(url) === undefined
    ? 'must have nothing but a host: no path, no query, no fragment, no user'
    : undefined;
}

/**
 * The origin of a URL that has nothing else, in the form that browsers send and that Azure's libraries expect: in lower case and
 * ASCII, without a default port. Undefined for any other text.
 */
export function readOrigin(value: unknown): string | undefined {
  const url = readBaseUrl(value);
  // `new URL` takes a wildcard for a host.
  return url !== undefined && url === new URL(url).origin && !url.includes('*') ? url : undefined;
}

function readBaseUrl(value: unknown): string | undefined {
  if (typeof value !== 'string' || !URL.canParse(value)) return undefined;
  const { protocol, username, password, origin, pathname, search, hash } = new URL(value);
  const isWeb = protocol === 'https:' || protocol === 'http:';
  if (!isWeb || [username, password, search, hash].some((part) => part !== '')) return undefined;
  // A path that begins with two slashes would be the name of a host.
  if (/\/\/+[^/]/.test(pathname)) return undefined;
  // Not `href`, which keeps a bare ? or #.
  return (origin + pathname).replace(/\/+$/, '');
}
