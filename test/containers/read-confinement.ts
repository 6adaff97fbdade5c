import { readFileSync } from 'node:fs';
import { readState } from './composition';

/** What the kernel says of process 1 of a container. */
export interface Confinement {
  program: string;
  /** Its number within the container. */
  pid: number;
  /** Real, effective, saved and file system's. */
  users: number[];
  /** All sets of them, the bounding set among them. */
  hasCapabilities: boolean;
  canGainPrivileges: boolean;
  hasSyscallFilter: boolean;
  /** Where it may write: mount points that are not read-only, but for those of the kernel. */
  writableMounts: string[];
}

export async function readConfinement(container: string): Promise<Confinement> {
  const { Pid } = await readState(container);
  const status = readFileSync(`/proc/${Pid}/status`, 'utf8');
  const read = (name: string) => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1] ?? '';
  return {
    program: read('Name'),
    pid: Number(read('NSpid').split(/\s+/).at(-1)),
    users: read('Uid').split(/\s+/).map(Number),
    hasCapabilities: ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].some((set) => !/^0+$/.test(read(set))),
    canGainPrivileges: read('NoNewPrivs') !== '1',
    hasSyscallFilter: read('Seccomp') === '2',
    writableMounts: readWritableMounts(readFileSync(`/proc/${Pid}/mounts`, 'utf8')),
  };
}

/** Device nodes, and what the kernel itself shows, are none of the image's. */
function readWritableMounts(mounts: string): string[] {
  return mounts
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, path = '', , options = '']) => options.split(',').includes('rw') && !/^\/(dev|proc|sys)\b/.test(path))
    .map(([, path = '']) => path);
}
