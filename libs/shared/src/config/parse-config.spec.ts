import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ApiConfig } from '#shared/config/api-config';
import { ConfigInvalidError, parseConfig, toVariableName } from '#shared/config/parse-config';
import { WorkerConfig } from '#shared/config/worker-config';

function problemsOf(type: new () => object, env: Record<string, string>): readonly string[] {
  try {
    parseConfig(type, env);
  } catch (error) {
    if (error instanceof ConfigInvalidError) return error.problems;
    throw error;
  }
  return [];
}

describe('parseConfig', () => {
  it('gives the defaults where nothing is set', () => {
    expect(parseConfig(ApiConfig, {})).toMatchObject({ port: 3000, operatorPort: 3001, maxRangeDays: 366 });
  });

  it('takes an empty variable for an absent one', () => {
    expect(parseConfig(ApiConfig, { PORT: '', PUBLIC_BASE_URL: ' ' })).toMatchObject({ port: 3000 });
  });

  it('gives numbers and flags their type, and an object that cannot be changed', () => {
    const config = parseConfig(ApiConfig, { PORT: '8080', HOST: '0.0.0.0', ALLOW_ANONYMOUS: 'true' });
    expect(config).toMatchObject({ port: 8080, host: '0.0.0.0', allowAnonymous: true });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('names every problem at once, by variable and rule, and no value', () => {
    const env = { PORT: 'S3CRET', REDIS_URL: 'S3CRET', ALLOW_ANONYMOUS: 'S3CRET', KEY_PREFIX: 'S3CRET:' };
    const problems = problemsOf(ApiConfig, env);
    expect(problems.map((problem) => problem.split(' ')[0]).sort()).toEqual(
      expect.arrayContaining(['ALLOW_ANONYMOUS', 'KEY_PREFIX', 'PORT', 'REDIS_URL']),
    );
    expect(problems.join()).not.toContain('S3CRET');
  });

  it('names a rule once', () => {
    expect(problemsOf(ApiConfig, { PORT: 'abc' })).toEqual(['PORT must be a whole number from 0 to 65535']);
  });

  it('refuses HOST beyond loopback while anyone may call', () => {
    expect(problemsOf(ApiConfig, { HOST: '0.0.0.0' })).toEqual([expect.stringContaining('HOST must be a loopback')]);
    expect(problemsOf(ApiConfig, { HOST: '0.0.0.0', ALLOW_ANONYMOUS: 'true' })).toEqual([]);
  });
});

describe('.env.example', () => {
  const example = parseEnv(readFileSync('.env.example', 'utf8'));

  it('names every variable of both processes, and no other', () => {
    const members = [...Object.keys(new ApiConfig()), ...Object.keys(new WorkerConfig())];
    expect(Object.keys(example).sort()).toEqual([...new Set(members.map(toVariableName))].sort());
  });

  it.each([ApiConfig, WorkerConfig])('is a valid configuration as it stands: %o', (type) => {
    expect(problemsOf(type, example as Record<string, string>)).toEqual([]);
  });
});
