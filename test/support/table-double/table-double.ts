import type { QueryCount, RecordedRequest } from './request-log';
import type { TableDoubleSettings } from './table-double-options';
import type { TableTruth } from './table-truth';

/** A running double in this process. */
export interface TableDouble {
  readonly port: number;
  /** Of the emulators' account, over http: clients need `allowInsecureConnection`. */
  readonly connectionString: string;
  /** Every request for entities since the start or the last reset, in the order in which they came. */
  readonly requests: readonly RecordedRequest[];
  countByQuery(): QueryCount[];
  configure(change: Partial<TableDoubleSettings>): void;
  /** Forgets the requests; the settings stay. */
  reset(): void;
  /** The right answer of a query over the days `start` to `end`, both inclusive. */
  truth(table: string, start: string, end: string): TableTruth;
  /** Ends every connection, whatever it waits for, and frees the port. */
  stop(): Promise<void>;
}
