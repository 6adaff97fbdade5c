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
