const CENSORED = '[redacted]';

/**
 * What gives access, or may name a person, in the texts that others write: messages of the SDK and of clients quote
 * addresses and headers. Each keeps what tells one place or rule from another, such as the host, and loses the rest.
 * None crosses a quote, a backslash or a blank, so that a line of JSON stays one.
 */
const PATTERNS: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  // The parameters of an address: signatures (`sig=`), and continuation tokens, which are keys of entities.
  [/(\bhttps?:\/\/[^\s"'\\?<>]+)\?[^\s"'\\<>]*/gi, `$1?${CENSORED}`],
  // redis://user:password@host, also where what should be percent-encoded is not, and redis+sentinel://…?sentinel_password=
  [/(\brediss?(?:\+[a-z]+)?:\/\/)[^\s"'\\]*@/gi, `$1${CENSORED}@`],
  [/(\brediss?(?:\+[a-z]+)?:\/\/[^\s"'\\?<>]+)\?[^\s"'\\<>]*/gi, `$1?${CENSORED}`],
  // The same of any other scheme.
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s"'\\/@]+@/gi, `$1${CENSORED}@`],
  // Members of a connection string or of a form, and parameters that stand alone.
  [
    /\b((?:Account|Shared(?:Access)?)Key|(?:sentinel_)?password|client_secret|access_token|assertion)=(?!\[)[^\s"'\\;&]+/gi,
    `$1=${CENSORED}`,
  ],
  // The signature of a SAS, also percent-encoded, behind an escaped `&`, and as a member of a printed object.
  [/(?<=\b|u0026|%(?:26|3f))(sig(?:=|%3d))(?!\[)[^\s"'\\;&]+/gi, `$1${CENSORED}`],
  [/\b(sig\\?["']?(?:: ?| => )\\?["'])[^\s"'\\]+/gi, `$1${CENSORED}`],
  [/\b(SharedAccessSignature)=(?!\[)[^\s"'\\;]+/gi, `$1=${CENSORED}`],
  [/\b(Bearer|Basic|SharedKey|SharedKeyLite) +[\w.~+/:=-]{8,}/g, `$1 ${CENSORED}`],
  // A token of Entra ID, wherever it stands.
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, CENSORED],
  // A key of this service's callers.
  [/\baq_[\w-]{16,}/g, CENSORED],
  // A storage account's key: 64 bytes.
  [/[A-Za-z0-9+/]{86}==/g, CENSORED],
];

/** The text without what nobody may read in a log. */
export function scrubSecrets(text: string): string {
  return PATTERNS.reduce((scrubbed, [pattern, replacement]) => scrubbed.replace(pattern, replacement), text);
}

/** A chain of causes that is longer than this says nothing new. */
const MOST_CAUSES = 5;

/** What a log tells of an error: these members, whatever else it carries. */
export interface LoggedError {
  name: string;
  code?: string | number;
  message: string;
  /** The frames alone, one a line: no message stands before them. */
  stack: string;
  cause?: LoggedError | string;
}

/**
 * An error as it is logged. The members of an error of the SDK hold the request with its headers, those of Redis'
 * client the command with its arguments: only what is listed here is taken. Texts are not scrubbed yet.
 */
export function toLoggedError(error: unknown, causesLeft = MOST_CAUSES): LoggedError | string {
  if (!(error instanceof Error)) return typeof error === 'string' ? error : Object.prototype.toString.call(error);
  const { name, cause } = error;
  const { code } = error as { code?: unknown };
  const hasCause = cause !== undefined && cause !== null && causesLeft > 0;
  return {
    name,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    message: readMessage(error),
    stack: readFrames(error),
    ...(hasCause ? { cause: toLoggedError(cause, causesLeft - 1) } : {}),
  };
}

/** A parser quotes what it could not read, which can be a page of the table with people's numbers. */
function readMessage(error: Error): string {
  const isParser = error instanceof SyntaxError || (error as { code?: unknown }).code === 'PARSE_ERROR';
  return isParser ? 'what was read does not parse' : error.message;
}

function readFrames({ stack = '' }: Error): string {
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line));
  return frames.map((line) => line.trim()).join('\n');
}
