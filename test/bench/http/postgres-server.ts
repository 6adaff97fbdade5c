import { execFile } from 'node:child_process';
import { access, chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { onFreePort } from '../../../apps/local/src/on-free-port';
import { LOOPBACK } from '../../../apps/local/src/ports';
import { ServiceProcess } from '../../../apps/local/src/service-process';

const run = promisify(execFile);
const START_LIMIT_MS = 20_000;

/** Where Debian keeps the programs of each version, off the PATH. */
const DEBIAN_FOLDER = '/usr/lib/postgresql';

export interface PostgresServer {
  url: string;
  stop(): Promise<void>;
}

/**
 * Starts a PostgreSQL in a temporary folder, on loopback, that acknowledges before it has written (`synchronous_commit`
 * off), as a Redis does that writes its file every second. Undefined where there is none on this machine.
 */
export async function startPostgres(): Promise<PostgresServer | undefined> {
  const programs = await findPrograms();
  if (programs === undefined) return undefined;
  const folder = await mkdtemp(join(tmpdir(), 'bench-postgres-'));
  try {
    const user = await chooseUser();
    if (user !== undefined) await chown(folder, user.uid, user.gid);
    // PostgreSQL refuses to run as root.
    const [command, ...args] =
      user === undefined ? [] : ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'];
    const toCommand = (program: string, options: string[]): [string, string[]] =>
      command === undefined ? [program, options] : [command, [...args, program, ...options]];
    const init = ['--pgdata', folder, '--username', 'bench', '--auth', 'trust', '--encoding', 'UTF8', '--no-sync'];
    await run(...toCommand(join(programs, 'initdb'), init), { cwd: tmpdir() });
    return await onFreePort(async (port) => {
      const settings = [`listen_addresses=${LOOPBACK}`, 'unix_socket_directories=', 'synchronous_commit=off'];
      const options = ['-D', folder, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])];
      const [program, given] = toCommand(join(programs, 'postgres'), options);
      const server = new ServiceProcess({ name: 'PostgreSQL', command: program, args: given });
      const stop = async () => {
        await server.stop();
        await rm(folder, { recursive: true, force: true });
      };
      try {
        await server.waitForOutput(/ready to accept connections/, START_LIMIT_MS);
      } catch (error) {
        await server.stop();
        throw error;
      }
      return { url: `postgres://bench@${LOOPBACK}:${port}/postgres`, stop };
    });
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** The folder of the programs: the PATH's, or else Debian's newest. */
async function findPrograms(): Promise<string | undefined> {
  const versions = await readdir(DEBIAN_FOLDER).catch(() => []);
  const newestFirst = versions
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(DEBIAN_FOLDER, version, 'bin'));
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), ...newestFirst]) {
    const found = await Promise.all(['initdb', 'postgres'].map((name) => isThere(join(folder, name))));
    if (found.every(Boolean)) return folder;
  }
  return undefined;
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Somebody else to run as where we are root; undefined where we are not. */
async function chooseUser(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const read = async (flag: string) => Number((await run('id', [flag, 'nobody'])).stdout);
  return { uid: await read('-u'), gid: await read('-g') };
}
