import { ConsoleLogger } from '@nestjs/common';
import type { CommonConfig } from '../config/common-config';

const LEVELS = ['fatal', 'error', 'warn', 'log', 'debug', 'verbose'] as const;

/** One JSON line an event in production, for people elsewhere. */
export function createLogger({ logLevel, nodeEnv }: CommonConfig): ConsoleLogger {
  return new ConsoleLogger({
    json: nodeEnv === 'production',
    logLevels: LEVELS.slice(0, LEVELS.indexOf(logLevel) + 1),
  });
}
