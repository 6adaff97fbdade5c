import type { QueryCount, RecordedRequest } from './request-log';
import type { TableDoubleSettings } from './table-double-options';
import type { TableTruth } from './table-truth';

/** A running double in this process. */
export interface TableDouble {
  readonly port: number;
  /** Of the emulators' account, over http: clients need `allowInsecureConnection`. */
  readonly connectionString: string;
  /** All requests for entities since the start or the last reset, in order. */
  readonly requests: readonly RecordedRequest[];
  countByQuery(): QueryCount[];
  configure(change: Partial<TableDoubleSettings>): void;
  /** Clears the requests; keeps the settings. */
  reset(): void;
  /** The correct result of a query over the days `start` to `end`, both inclusive. */
  truth(table: string, start: string, end: string): TableTruth;
  /** Closes every connection and frees the port. */
  stop(): Promise<void>;
}
