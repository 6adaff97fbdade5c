import { collectDefaultMetrics, Registry } from 'prom-client';

/** The timeout of a reading; a scrape has one of its own. */
const READ_LIMIT_MS = 1_000;

interface Reading {
  /** @returns Additional text for the page, if any. */
  read: () => Promise<string | void> | string | void;
  /** Drops the values of the previous reading. */
  forget?: () => void;
}

/** The metrics of a process in the text format of Prometheus: counted values, and readings made for each scrape. */
export class Metrics {
  readonly registry = new Registry();
  private readonly readings: Reading[] = [];

  constructor(readonly app: 'api' | 'worker') {
    this.registry.setDefaultLabels({ app });
    collectDefaultMetrics({ register: this.registry });
  }

  /**
   * Adds a reading for each scrape. One that fails or takes more than a second is left out: an old value would hide the
   * failure.
   */
  beforeScrape(reading: Reading): void {
    this.readings.push(reading);
  }

  /** Never rejects for a failed reading. */
  async render(): Promise<string> {
    const texts = await Promise.all(this.readings.map((reading) => this.readInTime(reading)));
    return [await this.registry.metrics(), ...texts.filter((text) => text !== '')].join('\n').trimEnd() + '\n';
  }

  private async readInTime({ read, forget }: Reading): Promise<string> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error('a reading took too long')), READ_LIMIT_MS);
    });
    try {
      return (await Promise.race([read(), late])) ?? '';
    } catch {
      // Most likely Redis is unreachable, which has a metric of its own.
      forget?.();
      return '';
    } finally {
      clearTimeout(timer);
    }
  }
}
