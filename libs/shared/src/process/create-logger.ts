import { Logger, type LoggerService } from '@nestjs/common';
import { type DestinationStream, type Level, type LoggerOptions, pino, stdTimeFunctions } from 'pino';
import pretty from 'pino-pretty';
import { escapeControls, stripControls } from '../contract/control-characters';
import { scrubSecrets, toLoggedError } from './log-redaction';

/** Members that hold a secret wherever they come from; nothing here logs one, but a library's object may have it. */
const SECRET_MEMBERS = [
  'authorization',
  'headers',
  'password',
  'connectionString',
  'credential',
  'request',
  'response',
];

/** The members of a configuration that concern the log. */
interface LogConfig {
  logLevel: string;
  /** Undefined: `pretty` on a terminal, else `json`. */
  logFormat: 'json' | 'pretty' | undefined;
}

export interface LoggerParts {
  /** Where log entries are written; the standard output by default. */
  destination?: DestinationStream;
  /** Returns members to add to each log entry, such as the ids of the active trace. */
  readContext?: (() => object) | undefined;
}

/** Has every level of Nest's loggers. */
type PinoLogger = Required<Omit<LoggerService, 'setLogLevels'>>;

/**
 * Creates the logger of a process: one entry a line, as JSON or as text for people. From then on every Nest `Logger` writes
 * through it. Fields precede the text: `logger.warn({ queryId }, 'what happened')`.
 */
export function createLogger(config: LogConfig, service: ServiceName, parts: LoggerParts = {}): PinoLogger {
  const { readContext } = parts;
  // Text of a caller or of a table must not move the cursor of a terminal. Frames of a stack need their line breaks.
  const toSafe = isPretty(config) ? (line: string) => `${stripControls(line.trimEnd(), ['\\n'])}\n` : escapeControls;
  const options: LoggerOptions = {
    level: config.logLevel,
    base: { service, pid: process.pid },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (level) => ({ level }) },
    serializers: { err: (error: unknown) => toLoggedError(error) },
    redact: { paths: SECRET_MEMBERS.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    // Applied to every finished line, including texts of libraries.
    hooks: { streamWrite: (line) => toSafe(scrubSecrets(line)) },
    ...(readContext ? { mixin: readContext } : {}),
  };
  const destination = isPretty(config) ? toPretty(parts.destination) : parts.destination;
  const lines = destination === undefined ? pino(options) : pino(options, destination);
  // Nest appends the context of its `Logger` to the arguments.
  const write = (level: Level, message: unknown, rest: unknown[]) => {
    const [detail] = rest.slice(0, -1);
    const members = { ...(rest.length > 0 && { context: rest.at(-1) }), ...toMembers(message, detail) };
    lines[level](members, (typeof message === 'object' ? detail : message) as string | undefined);
  };
  const logger: PinoLogger = {
    fatal: (message: unknown, ...rest: unknown[]) => write('fatal', message, rest),
    error: (message: unknown, ...rest: unknown[]) => write('error', message, rest),
    warn: (message: unknown, ...rest: unknown[]) => write('warn', message, rest),
    log: (message: unknown, ...rest: unknown[]) => write('info', message, rest),
    debug: (message: unknown, ...rest: unknown[]) => write('debug', message, rest),
    verbose: (message: unknown, ...rest: unknown[]) => write('trace', message, rest),
  };
  Logger.overrideLogger(logger);
  return logger;
}

/** @param detail The text of an entry that begins with an object; else the frames of an error, from Nest's own code. */
function toMembers(message: unknown, detail: unknown): object {
  if (message instanceof Error) return { err: message };
  if (typeof message === 'object') return message ?? {};
  const isStack = typeof message === 'string' && typeof detail === 'string' && /^\s*at /m.test(detail);
  return isStack ? { err: Object.assign(new Error(message), { stack: detail }) } : {};
}

/** Text on a terminal, unless LOG_FORMAT is set. */
function isPretty({ logFormat }: LogConfig): boolean {
  return logFormat === undefined ? process.stdout.isTTY : logFormat === 'pretty';
}

function toPretty(destination?: DestinationStream): DestinationStream {
  return pretty({
    ignore: 'pid,service,context',
    messageFormat: ({ context, msg: text }) => `[${toText(context)}] ${toText(text).replaceAll('\n', ' ')}`,
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
    colorize: process.stdout.isTTY,
    // Written before the process may end.
    sync: true,
    ...(destination === undefined ? {} : { destination }),
  });
}

function toText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The name of a process in logs and traces. */
export type ServiceName = 'audit-query-api' | 'audit-query-worker';
