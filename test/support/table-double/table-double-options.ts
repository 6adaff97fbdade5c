import type { RateLimits } from './entity-rate';
import type { FaultRule } from './fault-rules';
import type { GeneratedRows } from './generated-table';
import type { TableRow } from './sorted-table';

type TableRows =
  | { readonly kind: 'generated'; readonly rows: GeneratedRows }
  | { readonly kind: 'listed'; readonly rows: readonly TableRow[] };

/** What may change while the double runs. Plain data: it also travels to a double in a process of its own. */
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

/** How a double starts; settings that are absent have their defaults. */
export interface TableDoubleOptions extends Partial<TableDoubleSettings> {
  /** By table name. A table that is not here is not found. */
  readonly tables: Readonly<Record<string, TableRows>>;
  /** What becomes of a selected property that a row lacks; default null, as Azure answers. */
  readonly missingProperty?: 'null' | 'absent';
  /** Written pages are kept up to this size, for queries that are read again and again; default 0. */
  readonly pageCacheBytes?: number;
}
