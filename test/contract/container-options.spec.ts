import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { ComposeService } from '../support/compose-file';
import { parseComposeFile } from '../support/compose-file';
import { toHealthCommand, toRunArguments } from '../containers/to-run-arguments';

describe('what docker-compose.yml says of a service, for podman run', () => {
  it.each<[string, ComposeService, string[]]>([
    ['variables', { environment: { A: '1', B: 'x y' } }, ['--env', 'A=1', '--env', 'B=x y']],
    [
      'confinement',
      { cap_drop: ['ALL'], read_only: true, security_opt: ['no-new-privileges:true'], user: '1000:1000' },
      [
        ...['--cap-drop', 'ALL', '--read-only', '--read-only-tmpfs=false'],
        ...['--security-opt', 'no-new-privileges:true', '--user', '1000:1000'],
      ],
    ],
    [
      'an end',
      { stop_signal: 'SIGINT', stop_grace_period: '30s' },
      ['--stop-signal', 'SIGINT', '--stop-timeout', '30'],
    ],
    ['an init', { init: true }, ['--init']],
    ['no init', { init: false }, []],
    ['ports', { ports: ['127.0.0.1:3000:3000'] }, ['--publish', '127.0.0.1:3000:3000']],
    [
      'volumes',
      { volumes: ['data:/data', { type: 'bind', source: './keys', target: '/run/keys', read_only: true }] },
      ['--volume', 'data:/data', '--mount', 'type=bind,source=./keys,target=/run/keys,ro=true'],
    ],
    ['what says how it comes to be', { image: 'redis', command: ['redis-server'], depends_on: {} }, []],
  ])('has %s', (_, service, expected) => {
    expect(toRunArguments(service)).toEqual(expected);
  });

  it('passes nothing over that it does not know', () => {
    expect(() => toRunArguments({ privileged: true } as ComposeService)).toThrow(/"privileged"/);
    expect(() => toRunArguments({ stop_grace_period: '1m' })).toThrow(/"1m"/);
  });

  it('knows all that the file has', () => {
    const { services } = parseComposeFile(readFileSync('docker-compose.yml', 'utf8'));
    for (const service of Object.values(services)) expect(toRunArguments(service)).not.toEqual([]);
  });

  it('has a health check as a command, with or without a shell', () => {
    expect(toHealthCommand(['CMD', 'nc', '-z'])).toEqual(['nc', '-z']);
    expect(toHealthCommand(['CMD-SHELL', 'a | b'])).toEqual(['/bin/sh', '-c', 'a | b']);
    expect(() => toHealthCommand(['nc'])).toThrow(/"nc"/);
  });
});
