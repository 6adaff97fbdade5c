import type { Service } from './service/service';
import type { ProgressView } from './show/progress-view';
import type { InterruptKey, Interrupts } from './terminal/interrupts';
import type { Terminal } from './terminal/terminal';

/** What every command that speaks to the service works with. */
export interface Session {
  service: Service;
  terminal: Terminal;
  interrupts: Interrupts;
  interruptKey: InterruptKey;
  view: ProgressView;
  isJson: boolean;
}
