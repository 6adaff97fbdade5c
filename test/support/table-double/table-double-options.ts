import type { RateLimits } from './entity-rate';
import type { FaultRule } from './fault-rules';
import type { GeneratedRows } from './generated-table';
import type { TableRow } from './sorted-table';

type TableRows =
  | { readonly kind: 'generated'; readonly rows: GeneratedRows }
  | { readonly kind: 'listed'; readonly rows: readonly TableRow[] };

/** Settings that may change while the double runs. Plain data, since they are also sent to a double in another process. */
export interface TableDoubleSettings {
  /** Default none. */
  readonly faults: readonly FaultRule[];
  /** For the rules' draws; default 1. */
  readonly faultSeed: number;
  /** Default null: no limit. */
  readonly rateLimits: RateLimits | null;
  /** Keys that sign requests, base64; default the emulators' published one. Change them to rotate a key. */
  readonly accountKeys: readonly string[];
  /** How far the service's clock is ahead of this machine's; default 0. */
  readonly clockOffsetMs: number;
}

/** Options of a new double; absent settings have their defaults. */
export interface TableDoubleOptions extends Partial<TableDoubleSettings> {
  /** By table name. Requests for other tables get 404. */
  readonly tables: Readonly<Record<string, TableRows>>;
  /** A selected property that a row lacks; default null, as Azure returns. */
  readonly missingProperty?: 'null' | 'absent';
  /** Size of the cache of written pages, for queries that are read repeatedly; default 0. */
  readonly pageCacheBytes?: number;
}
