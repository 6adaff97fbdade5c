import { once } from 'node:events';
import { createServer } from 'node:net';

/** All that is started here is for this machine alone. */
export const LOOPBACK = '127.0.0.1';

const LAST_PORT = 65_535;

/** A port that cannot be had as it was asked for. The message is for whoever asked. */
export class PortUnusableError extends Error {}

/**
 * The port that a variable asks for, or else the first free one from `fallback` on.
 *
 * @param text The variable's value; absent and empty mean that nobody asked, `0` that any port will do.
 * @param taken Ports that are spoken for, free as they may look.
 * @throws PortUnusableError when the value is no port, or the port is in use.
 */
export async function choosePort(
  name: string,
  text: string | undefined,
  fallback: number,
  taken: readonly number[] = [],
): Promise<number> {
  if (text === undefined || text === '') return findFreePort(fallback, taken);
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > LAST_PORT) {
    throw new PortUnusableError(`${name} must be a whole number from 0 to ${LAST_PORT}.`);
  }
  if (port === 0) return pickAnyPort();
  if (taken.includes(port)) throw new PortUnusableError(`${name}=${port} is used for another listener already.`);
  const listening = await tryListen(port);
  if (listening.port !== undefined) return port;
  throw new PortUnusableError(
    `${name}=${port} cannot be had: ${toReason(listening.code)}. Without ${name} the next free port is taken.`,
  );
}

/** Some free port. Another process may have taken it by the time that it is used. */
export async function pickAnyPort(): Promise<number> {
  const { port } = await tryListen(0);
  if (port === undefined) throw new PortUnusableError('There is no free port.');
  return port;
}

async function findFreePort(from: number, taken: readonly number[]): Promise<number> {
  for (let port = from; port <= LAST_PORT; port += 1) {
    if (!taken.includes(port) && (await isFree(port))) return port;
  }
  throw new PortUnusableError(`There is no free port from ${from} on.`);
}

async function isFree(port: number): Promise<boolean> {
  return (await tryListen(port)).port !== undefined;
}

function toReason(code: string): string {
  if (code === 'EADDRINUSE') return 'it is in use';
  if (code === 'EACCES') return 'this user may not listen on it (EACCES)';
  return code;
}

/** The port that could be listened on, or why it could not. */
async function tryListen(port: number): Promise<{ port: number } | { port: undefined; code: string }> {
  const server = createServer();
  try {
    server.listen(port, LOOPBACK);
    await once(server, 'listening');
  } catch (error) {
    return { port: undefined, code: (error as NodeJS.ErrnoException).code ?? 'unknown' };
  }
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('a TCP server has no port');
  return { port: address.port };
}
