import { hashNumber, toFraction } from './hash';

/** Faults before a page is answered. All matching ones are applied. */
type PageFault =
  /** Waits before the reply: `ms`, and evenly distributed up to `jitterMs` (default 0) more. */
  | { readonly kind: 'latency'; readonly ms: number; readonly jitterMs?: number }
  /** Ends the page where its partition ends; the token then has no row key. */
  | { readonly kind: 'partition-boundary' }
  /** At most `rows` rows on the page; default: evenly distributed from 1 to the requested number. */
  | { readonly kind: 'short-page'; readonly rows?: number }
  /** No rows, and a new token for the same place. Without a bound in `to` or `probability` a reader never ends. */
  | { readonly kind: 'empty-page' }
  /** Returns the token of the request again. Only requests with a token count for its rule. */
  | { readonly kind: 'repeat-token' };

/** Faults in the transfer of a correct page. */
export type TransferFault =
  /** `bytes` (default 64) at a time, `intervalMs` (default 1,000) apart. */
  | { readonly kind: 'drip'; readonly bytes?: number; readonly intervalMs?: number }
  /** The first half, then the connection closes. */
  | { readonly kind: 'cut-body' };

/** Replies in place of a page. */
export type ReplyFault =
  /** An error of the service; `errorCode` defaults to the likeliest one of the status. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly errorCode?: string;
      readonly retryAfterSeconds?: number;
    }
  /** No reply until the client closes the connection. */
  | { readonly kind: 'hang' }
  /** The connection closes without a reply. */
  | { readonly kind: 'reset' }
  /** 200 with a body that is not a page. */
  | { readonly kind: 'html' | 'empty-body' | 'empty-object' }
  /** 200 with this text as JSON; default `{"value":"none"}`. */
  | { readonly kind: 'wrong-shape'; readonly body?: string };

/** The first matching rule for a transfer or a reply applies. */
export type Fault = PageFault | TransferFault | ReplyFault;

export function isTransferFault(fault: TransferFault | ReplyFault): fault is TransferFault {
  return fault.kind === 'drip' || fault.kind === 'cut-body';
}

/** The condition of a fault; default: every request for entities. */
export interface FaultRule {
  readonly fault: Fault;
  /** Requests whose range of partition keys begins at this day. */
  readonly day?: string;
  /** First and last request of those that match `day`, counted from 1 since the rules were set. */
  readonly from?: number;
  readonly to?: number;
  /** 0 to 1, default 1; drawn from the seed and the number of the request, so that the same order gives the same faults. */
  readonly probability?: number;
}

export interface FaultPlan {
  readonly latencyMs: number;
  readonly stopAtPartitionEnd: boolean;
  /** Null: the whole page; 0: an empty page. */
  readonly maxRows: number | null;
  readonly repeatToken: boolean;
  readonly end: TransferFault | ReplyFault | null;
  /** The kinds of all matching faults, in the order of the rules. */
  readonly kinds: readonly Fault['kind'][];
}

/** Selects the faults of each request. `seed` selects another sequence of draws. */
export class FaultScript {
  private readonly counts: number[];

  constructor(
    private readonly rules: readonly FaultRule[],
    private readonly seed: number,
  ) {
    this.counts = rules.map(() => 0);
  }

  /** The plan for the next request, with or without a token; `top` is its requested number of rows. */
  next(day: string | null, top: number, hasToken: boolean): FaultPlan {
    const plan = {
      latencyMs: 0,
      stopAtPartitionEnd: false,
      maxRows: null as number | null,
      repeatToken: false,
      end: null as TransferFault | ReplyFault | null,
      kinds: [] as Fault['kind'][],
    };
    this.rules.forEach((rule, index) => {
      if (rule.day !== undefined && rule.day !== day) return;
      if (rule.fault.kind === 'repeat-token' && !hasToken) return;
      const ordinal = (this.counts[index] ?? 0) + 1;
      this.counts[index] = ordinal;
      const draw = hashNumber(hashNumber(this.seed, index), ordinal);
      if (ordinal < (rule.from ?? 1) || ordinal > (rule.to ?? Infinity)) return;
      if (toFraction(draw) >= (rule.probability ?? 1)) return;
      plan.kinds.push(rule.fault.kind);
      const second = toFraction(hashNumber(draw, 1));
      switch (rule.fault.kind) {
        case 'latency':
          plan.latencyMs += rule.fault.ms + second * (rule.fault.jitterMs ?? 0);
          break;
        case 'partition-boundary':
          plan.stopAtPartitionEnd = true;
          break;
        case 'short-page':
          plan.maxRows = Math.min(plan.maxRows ?? top, rule.fault.rows ?? 1 + Math.floor(second * top));
          break;
        case 'empty-page':
          plan.maxRows = 0;
          break;
        case 'repeat-token':
          plan.repeatToken = true;
          break;
        case 'drip':
        case 'cut-body':
        case 'status':
        case 'hang':
        case 'reset':
        case 'html':
        case 'empty-body':
        case 'empty-object':
        case 'wrong-shape':
          plan.end ??= rule.fault;
      }
    });
    return plan;
  }
}
