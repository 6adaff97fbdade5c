import { collectDefaultMetrics, Registry } from 'prom-client';

/** Longer, and the scrape itself would be given up. */
const READ_LIMIT_MS = 1_000;

interface Reading {
  /** @returns Text of its own for the page, if it has any. */
  read: () => Promise<string | void> | string | void;
  /** What was read before is not true any more. */
  forget?: () => void;
}

/** What a process measures, as the text that Prometheus reads: its own, and what is looked up for each scrape. */
export class Metrics {
  readonly registry = new Registry();
  private readonly readings: Reading[] = [];

  constructor(readonly app: 'api' | 'worker') {
    this.registry.setDefaultLabels({ app });
    collectDefaultMetrics({ register: this.registry });
  }

  /**
   * Has something looked up with each scrape. What fails or takes more than a second is told as absent: a number of a
   * while ago would hide that nothing is known.
   */
  beforeScrape(reading: Reading): void {
    this.readings.push(reading);
  }

  /** Never rejects for what could not be read. */
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
      // Redis is away, most likely, which has a metric of its own.
      forget?.();
      return '';
    } finally {
      clearTimeout(timer);
    }
  }
}
