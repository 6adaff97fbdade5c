import { readFileSync } from 'node:fs';

/** The most memory that a process had resident, from Linux' own books. */
export function readPeakRssBytes(pid: number): number {
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  if (kibibytes === undefined) throw new Error('this system does not tell the peak of resident memory');
  return Number(kibibytes) * 1_024;
}
