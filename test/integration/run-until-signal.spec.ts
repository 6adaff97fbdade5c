import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { waitUntil } from '../support/wait-until';

/** A process whose end takes until it is told on its standard input. */
const PROGRAM = `
const { runUntilSignal } = require('./dist/libs/shared/src/process/run-until-signal.js');
const close = () => {
  console.log('closing');
  return new Promise((resolve) => process.stdin.once('data', resolve));
};
setInterval(() => {}, 1_000);
void runUntilSignal(async () => ({ graceSeconds: 60, close })).then(() => console.log('started'));
process.on('SIGINT', () => console.log('heard SIGINT'));
process.on('SIGTERM', () => console.log('heard SIGTERM'));
`;

let child: ChildProcess | undefined;
afterEach(() => child?.kill('SIGKILL'));

describe('a process that is told to go', () => {
  it.each<[NodeJS.Signals, NodeJS.Signals]>([
    ['SIGINT', 'SIGTERM'],
    ['SIGTERM', 'SIGINT'],
  ])('ends once, though it is told again: %s, then %s', async (first, second) => {
    child = spawn(process.execPath, ['-e', PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] });
    let output = '';
    child.stdout!.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const waitFor = (text: string) =>
      waitUntil(
        text,
        () => output,
        (all) => all.includes(text),
      );
    await waitFor('started');
    child.kill(first);
    await waitFor(`heard ${first}`);
    child.kill(second);
    await waitFor(`heard ${second}`);
    const exited = once(child, 'exit');
    child.stdin!.write('go\n');
    expect(await exited).toEqual([0, null]);
    expect(output.match(/closing/g)).toHaveLength(1);
  });
});
