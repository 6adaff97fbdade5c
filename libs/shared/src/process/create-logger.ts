import { Logger as NestLogger } from '@nestjs/common';
import { Logger, type PinoLogger } from 'nestjs-pino';
import { type DestinationStream, type LoggerOptions, pino, stdTimeFunctions } from 'pino';
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
  /** Where lines go; the standard output by default. */
  destination?: DestinationStream;
  /** Adds to each line what the moment in which it is written knows, such as the trace. */
  readContext?: (() => object) | undefined;
}

/**
 * The logger of a process: one event a line, as JSON or, for people, as text. All that Nest's `Logger` is told from here
 * on is written by it, in whatever file that is. Fields go before the text: `logger.warn({ queryId }, 'what happened')`.
 */
export function createLogger(config: LogConfig, service: ServiceName, parts: LoggerParts = {}): Logger {
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
    // The last word on every line, whoever wrote its texts.
    hooks: { streamWrite: (line) => toSafe(scrubSecrets(line)) },
    ...(readContext ? { mixin: readContext } : {}),
  };
  const destination = isPretty(config) ? toPretty(parts.destination) : parts.destination;
  const lines = destination === undefined ? pino(options) : pino(options, destination);
  // Neither nestjs-pino's module, which would bind a logger to every request on listeners that answer thousands, nor its
  // PinoLogger, which is the same methods around the first logger of the process.
  const logger = new Logger(lines as unknown as PinoLogger, {});
  NestLogger.overrideLogger(logger);
  return logger;
}

/** What a terminal shows is for people, unless LOG_FORMAT says otherwise. */
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

/** What a process is called in logs and traces. */
export type ServiceName = 'audit-query-api' | 'audit-query-worker';
