import type { Page } from './read-page';

/** A page as it was written, so that it need not be read and written again. */
export interface WrittenPage {
  readonly page: Page;
  readonly body: Buffer;
}

/** What a page costs beside its body; the rows themselves are not kept. */
const PAGE_OVERHEAD_BYTES = 1_000;

/**
 * Keeps written pages until `maxBytes` are full, then takes no more: a scan that is larger than the cache goes through
 * it in the same order every time, and throwing out the oldest would keep nothing that is asked for again.
 */
export class PageCache {
  private readonly pages = new Map<string, WrittenPage>();
  private bytes = 0;

  constructor(private readonly maxBytes: number) {}

  get(key: string, write: () => WrittenPage): WrittenPage {
    const kept = this.pages.get(key);
    if (kept) return kept;
    const written = write();
    this.bytes += written.body.length + PAGE_OVERHEAD_BYTES;
    if (this.bytes <= this.maxBytes) this.pages.set(key, written);
    return written;
  }
}
