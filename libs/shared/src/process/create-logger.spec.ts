import { Writable } from 'node:stream';
import { Logger } from '@nestjs/common';
import { RestError, createHttpHeaders, createPipelineRequest } from '@azure/core-rest-pipeline';
import { beforeEach, describe, expect, it } from 'vitest';
import { CommonConfig } from '../config/common-config';
import { parseConfig } from '../config/parse-config';
import { createLogger } from './create-logger';

let output = '';
const destination = new Writable({
  write(chunk: Buffer, _encoding, done) {
    output += chunk.toString();
    done();
  },
});

function create(env: Record<string, string> = {}, readContext?: () => object): void {
  createLogger(parseConfig(CommonConfig, env), 'audit-query-api', { destination, readContext });
}

const readLines = () => {
  const lines = output.trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
};

beforeEach(() => {
  output = '';
});

describe('createLogger', () => {
  it('writes one object a line: when, how bad, which service, where, fields and text', () => {
    create({ LOG_FORMAT: 'json' });
    new Logger('Somewhere').warn({ queryId: 'q1', code: 'X' }, 'it happened\nin two lines');
    expect(readLines()).toEqual([
      {
        level: 'warn',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
        service: 'audit-query-api',
        pid: process.pid,
        context: 'Somewhere',
        queryId: 'q1',
        code: 'X',
        msg: 'it happened\nin two lines',
      },
    ]);
  });

  it('writes the frames that Nest passes after a text', () => {
    create({ LOG_FORMAT: 'json' });
    new Logger('Somewhere').error('broken', 'Error: broken\n    at there');
    expect(readLines()).toMatchObject([{ context: 'Somewhere', msg: 'broken', err: { stack: 'at there' } }]);
  });

  it('says no more than LOG_LEVEL lets it', () => {
    create({ LOG_FORMAT: 'json', LOG_LEVEL: 'error' });
    const logger = new Logger('Somewhere');
    for (const level of ['fatal', 'error', 'warn', 'log', 'debug', 'verbose'] as const) logger[level](level);
    expect(readLines().map(({ msg }) => msg)).toEqual(['fatal', 'error']);
  });

  it('adds what the moment knows', () => {
    create({ LOG_FORMAT: 'json' }, () => ({ traceId: 't', spanId: 's' }));
    new Logger('Somewhere').log('text');
    expect(readLines()).toMatchObject([{ traceId: 't', spanId: 's', msg: 'text' }]);
  });

  it('writes text for people when told so', () => {
    create({ LOG_FORMAT: 'pretty' });
    new Logger('Somewhere').warn({ queryId: 'q1' }, 'password=canary');
    expect(output).toMatch(/^\[[\d:.]+\] WARN: \[Somewhere\] password=\[redacted\] \{"queryId":"q1"\}\n$/);
  });

  it.each([
    ['pretty', /^\[[\d:.]+\] WARN: \[Somewhere\] a b\[2J2Jgnp \{"place":"\]0;x"\}\n$/],
    ['json', /"place":"\\u001b\]0;x\\u0007","msg":"a\\nb\\u001b\[2J\\u009b2J\\u202egnp"\}\n$/],
  ])('writes no control character that a caller sent: %s', (format, line) => {
    create({ LOG_FORMAT: format });
    new Logger('Somewhere').warn({ place: '\u001b]0;x\u0007' }, 'a\nb\u001b[2J\u009b2J\u202egnp');
    expect(output).toMatch(line);
  });

  it('writes the frames of an error on lines of their own for people', () => {
    create({ LOG_FORMAT: 'pretty' });
    new Logger('Somewhere').error({ err: new Error('broken') }, 'text');
    expect(output).toMatch(/ERROR: \[Somewhere\] text ?\n(?:.*\n)* +at .*\n +at /);
  });

  it('tells of an error its name, code, text, frames and causes, and nothing else', () => {
    create({ LOG_FORMAT: 'json' });
    const request = createPipelineRequest({
      url: 'https://acct.table.example/audit()?sig=canary',
      headers: createHttpHeaders({ authorization: 'SharedKeyLite acct:canary' }),
    });
    const cause = new RestError('no reply from https://acct.table.example/audit()?sig=canary', {
      code: 'ECONNRESET',
      request,
    });
    const error = Object.assign(new Error('a page failed', { cause }), { connectionString: 'AccountKey=canary' });
    new Logger('Somewhere').error({ err: error, headers: { authorization: 'canary' } }, 'text');
    expect(output).not.toContain('canary');
    const [{ err } = {}] = readLines();
    expect(err).toEqual({
      name: 'Error',
      message: 'a page failed',
      stack: expect.stringMatching(/^at /) as string,
      cause: {
        name: 'RestError',
        code: 'ECONNRESET',
        message: 'no reply from https://acct.table.example/audit()?[redacted]',
        stack: expect.any(String) as string,
      },
    });
  });

  it('does not repeat what a parser quotes', () => {
    create({ LOG_FORMAT: 'json' });
    try {
      JSON.parse('{"value":canary}');
    } catch (error) {
      expect(String(error)).toContain('canary');
      new Logger('Somewhere').error({ err: new Error('a page is not JSON', { cause: error }) });
    }
    expect(output).not.toContain('canary');
    expect(readLines()).toMatchObject([{ msg: 'a page is not JSON', err: { cause: { name: 'SyntaxError' } } }]);
  });
});
