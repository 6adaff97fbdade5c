/** Upper bounds of the histogram, in seconds. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60];

const CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'];

/** One row of the histogram: the answers within each bound, beyond the last, and the sum of their seconds. */
type Row = Float64Array;

/**
 * How the answers of one route came out. Numbers in an array instead of a metrics library's object for each answer: that
 * takes a microsecond, and more, of the 60 that a status request has.
 */
export class RouteTally {
  /** By status class, those that were held back for the client at its wish after those that were not. */
  private readonly rows: (Row | undefined)[] = [];

  constructor(
    private readonly method: string,
    private readonly route: string,
  ) {}

  /** @param isHeld The client had asked to be kept waiting, so that its time says nothing about the service. */
  add(status: number, seconds: number, isHeld: boolean): void {
    const at = Math.min(CLASSES.length - 1, Math.max(0, Math.floor(status / 100) - 1)) * 2 + (isHeld ? 1 : 0);
    const row = (this.rows[at] ??= new Float64Array(BOUNDS.length + 2));
    let bucket = 0;
    while (bucket < BOUNDS.length && seconds > (BOUNDS[bucket] as number)) bucket += 1;
    row[bucket] = (row[bucket] as number) + 1;
    row[BOUNDS.length + 1] = (row[BOUNDS.length + 1] as number) + seconds;
  }

  /** Its lines of the histogram `name`. */
  render(name: string, app: string): string[] {
    return this.rows.flatMap((row, at) => {
      if (row === undefined) return [];
      const status = CLASSES[at >> 1];
      const held = at % 2 === 1;
      const labels = `app="${app}",method="${this.method}",route="${this.route}",status="${status}",held="${held}"`;
      let count = 0;
      const buckets = [...BOUNDS, '+Inf'].map((bound, i) => {
        count += row[i] as number;
        return `${name}_bucket{le="${bound}",${labels}} ${count}`;
      });
      return [...buckets, `${name}_sum{${labels}} ${row[BOUNDS.length + 1]}`, `${name}_count{${labels}} ${count}`];
    });
  }
}
