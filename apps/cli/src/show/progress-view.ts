import { isEnded, type Query } from '../service/query';
import type { Terminal } from '../terminal/terminal';
import { toProgressLine } from './query-text';

/** Between two lines of progress if stderr cannot overwrite a line. */
const LINE_INTERVAL_MS = 10_000;

const CLEAR_LINE = '\r\u001b[K';

/** Shows the progress of a query on stderr: a bar in a terminal, otherwise a line from time to time. */
export class ProgressView {
  private latest: Query | undefined;
  private isPaused = false;
  private shownAt = -Infinity;
  private shown = '';

  constructor(private readonly terminal: Terminal) {}

  show(query: Query): void {
    this.latest = query;
    if (this.isPaused || isEnded(query)) return;
    if (this.terminal.canRedraw) return this.draw(query);
    const line = toProgressLine(query, 0);
    if (line === this.shown || performance.now() < this.shownAt + LINE_INTERVAL_MS) return;
    this.shownAt = performance.now();
    this.shown = line;
    this.terminal.printError(`${line}\n`);
  }

  /** Prints a line above the bar. */
  note(text: string): void {
    this.clear();
    this.terminal.printError(`${text}\n`);
    if (this.latest !== undefined && this.terminal.canRedraw) this.show(this.latest);
  }

  /** Hides the bar, such as during a question. */
  pause(): void {
    this.clear();
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    if (this.latest !== undefined) this.show(this.latest);
  }

  clear(): void {
    if (this.terminal.canRedraw && !this.isPaused && this.latest !== undefined) this.terminal.printError(CLEAR_LINE);
  }

  private draw(query: Query): void {
    const line = toProgressLine(query, this.terminal.columns());
    this.terminal.printError(CLEAR_LINE + this.terminal.style('cyan', line));
  }
}
