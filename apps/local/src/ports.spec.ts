import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { choosePort, LOOPBACK, pickAnyPort, PortUnusableError } from './ports';

describe('choosePort', () => {
  const listener = createServer();
  let port: number;

  beforeEach(async () => {
    listener.listen(0, LOOPBACK);
    await once(listener, 'listening');
    port = (listener.address() as { port: number }).port;
  });
  afterEach(async () => {
    listener.close();
    await once(listener, 'close');
  });

  it.each([[undefined], ['']])('passes over a default that is in use when the variable is %o', async (text) => {
    expect(await choosePort('PORT', text, port)).toBeGreaterThan(port);
  });

  it('passes over a default that is spoken for', async () => {
    const free = await pickAnyPort();
    expect(await choosePort('PORT', undefined, free, [free])).toBeGreaterThan(free);
  });

  it('takes exactly the port that is asked for', async () => {
    const free = await pickAnyPort();
    expect(await choosePort('PORT', String(free), port)).toBe(free);
  });

  it('takes any port for 0', async () => {
    expect(await choosePort('PORT', '0', port)).toBeGreaterThan(0);
  });

  it('refuses a port that is asked for and in use, in one sentence that names the variable', async () => {
    const refusal = choosePort('PORT', String(port), 3_000);
    await expect(refusal).rejects.toThrow(PortUnusableError);
    await expect(refusal).rejects.toThrow(`PORT=${port} cannot be had: it is in use.`);
  });

  it.skipIf(process.getuid?.() === 0)(
    'says of a port that needs other rights that it does, not that it is in use',
    async () => {
      const refusal = choosePort('PORT', '1', 3_000);
      await expect(refusal).rejects.toThrow('PORT=1 cannot be had: this user may not listen on it (EACCES).');
    },
  );

  it('refuses a port that is asked for and spoken for', async () => {
    const free = await pickAnyPort();
    await expect(choosePort('OPERATOR_PORT', String(free), 3_001, [free])).rejects.toThrow(PortUnusableError);
  });

  it.each(['http', '-1', '3000.5', '65536', ' 80', '0x50'])('refuses %o, which is no port', async (text) => {
    await expect(choosePort('PORT', text, 3_000)).rejects.toThrow('PORT must be a whole number from 0 to 65535.');
  });
});
