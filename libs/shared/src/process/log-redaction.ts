const CENSORED = '[redacted]';

/**
 * Credentials and personal data in texts of libraries: messages of the SDK and of clients quote addresses and headers. Each
 * pattern keeps the part that identifies a place or a rule, such as the host. None crosses a quote, a backslash or a blank,
 * so that a line of JSON stays valid.
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

/** Replaces everything in the text that a log must not hold. */
export function scrubSecrets(text: string): string {
  return PATTERNS.reduce((scrubbed, [pattern, replacement]) => scrubbed.replace(pattern, replacement), text);
}

/** The most causes that are logged of a chain. */
const MOST_CAUSES = 5;

/** An error as the log has it: these members and no others. */
export interface LoggedError {
  name: string;
  code?: string | number;
  message: string;
  /** The frames, one a line, without the message before them. */
  stack: string;
  cause?: LoggedError | string;
}

/**
 * Converts an error for the log. Errors of the SDK hold the request with its headers, those of ioredis the command with its
 * arguments: only the listed members are kept. The texts are scrubbed later.
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

/** A parser quotes its input, which may be a page of the table with identification numbers. */
function readMessage(error: Error): string {
  const isParser = error instanceof SyntaxError || (error as { code?: unknown }).code === 'PARSE_ERROR';
  return isParser ? 'what was read does not parse' : error.message;
}

function readFrames({ stack = '' }: Error): string {
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line));
  return frames.map((line) => line.trim()).join('\n');
}
