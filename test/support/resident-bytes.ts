import { readFileSync } from 'node:fs';
import type { ServiceProcess } from './service-processes';

/** What the process has in memory now. @throws Error when it has ended, or the system does not tell. */
export function readResidentBytes({ child }: ServiceProcess): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? [];
  if (kibibytes === undefined) throw new Error('the resident memory of a process is not to be had');
  return Number(kibibytes) * 1_024;
}
