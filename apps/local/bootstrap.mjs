// The entry of `npm start`. It runs on a fresh clone, so it has nothing but what Node brings along.
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { clearInterval, setInterval, setTimeout } from 'node:timers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const RUNNER = join(PROJECT, 'dist/apps/local/src/main.js');
const BUILT = ['api', 'worker', 'local', 'cli'].map((app) => join(PROJECT, `dist/apps/${app}/src/main.js`));

/** Written after a build, with the time at which that began. */
const STAMP = join(PROJECT, 'dist/.built');

/** Two that start in one clone at the same time would tear each other's modules out. */
const LOCK = join(PROJECT, '.local/setup.lock');

/** Far beyond what an installation takes on a slow line: whoever has the lock so long hangs, or is not who took it. */
const LONGEST_SETUP_MS = 30 * 60_000;

/** How long npm may take to end when it is told to. */
const END_LIMIT_MS = 2_000;

/** A step did not work out; what it printed has been shown. */
export class SetupFailedError extends Error {
  /** @param {string} message @param {number} exitCode */
  constructor(message, exitCode) {
    super(message);
    this.exitCode = exitCode;
  }
}

/**
 * Installs the dependencies where they are missing or other than package-lock.json says.
 *
 * @returns {Promise<void>}
 * @throws {SetupFailedError} when npm fails.
 */
export async function ensureDependencies() {
  if (areDependenciesInstalled()) return;
  await withLock(async () => {
    if (areDependenciesInstalled()) return;
    console.log('Installing the dependencies with npm ci, which takes a minute or so:');
    // The builder and the emulators are development dependencies, which NODE_ENV=production would leave out.
    const { how, exitCode } = await runNpm(['ci', '--include=dev'], { isQuiet: false });
    if (exitCode !== 0)
      throw new SetupFailedError(`The dependencies cannot be installed: npm ci ended with ${how}.`, exitCode);
  });
}

/**
 * Builds all apps, unless nothing has changed since the last time.
 *
 * @returns {Promise<void>}
 * @throws {SetupFailedError} when the build fails.
 */
export async function build() {
  if (isBuilt()) return;
  await withLock(async () => {
    if (isBuilt()) return;
    const startedAt = new Date();
    process.stdout.write('Building '.padEnd(14));
    const { how, exitCode, output } = await runNpm(['run', 'build'], { isQuiet: true });
    if (exitCode !== 0) {
      console.error(`\n${output}`);
      throw new SetupFailedError(`The apps cannot be built: npm run build ended with ${how}.`, exitCode);
    }
    console.log(`done (${((Date.now() - startedAt.getTime()) / 1_000).toFixed(1)} s)`);
    writeFileSync(STAMP, '');
    utimesSync(STAMP, startedAt, startedAt);
  });
}

function areDependenciesInstalled() {
  const installed = readPackages(join(PROJECT, 'node_modules/.package-lock.json'));
  if (installed === undefined) return false;
  return Object.entries(readPackages(join(PROJECT, 'package-lock.json')) ?? {}).every(
    ([path, { version, optional }]) =>
      path === '' ||
      installed[path]?.version === version ||
      // Made for another kind of machine.
      (optional && installed[path] === undefined),
  );
}

/** @returns {Record<string, { version?: string, optional?: boolean }> | undefined} */
function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages;
  } catch {
    // Missing, or cut off in the middle of an installation.
    return undefined;
  }
}

function isBuilt() {
  if (![STAMP, ...BUILT].every((path) => existsSync(path))) return false;
  const builtAt = statSync(STAMP).mtimeMs;
  const inputs = ['apps', 'libs', 'package.json', 'package-lock.json', 'nest-cli.json', 'tsconfig.json'];
  return inputs.every((input) => findNewest(join(PROJECT, input)) < builtAt);
}

/** A folder counts too: it is newer when something has been removed from it. */
function findNewest(path) {
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.mtimeMs;
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((name) => findNewest(join(path, name))));
}

/**
 * Runs npm and, when this process is told to end, ends it with everything that it has started.
 *
 * @param {string[]} args
 * @param {{ isQuiet: boolean }} options Quiet: a dot a second, and what is printed goes into `output`.
 * @returns {Promise<{ how: string, exitCode: number, output: string }>}
 */
async function runNpm(args, { isQuiet }) {
  const npm = process.env.npm_execpath ?? '';
  const isNpm = basename(npm) === 'npm-cli.js';
  const child = spawn(isNpm ? process.execPath : 'npm', isNpm ? [npm, ...args] : args, {
    cwd: PROJECT,
    // A group of its own: the whole of it is ended, and by nobody else.
    detached: true,
    stdio: isQuiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text) => (output += text));

  // On a terminal, npm ci shows by itself that it is alive.
  const hasTicks = isQuiet || !process.stderr.isTTY;
  const timer = setInterval(() => hasTicks && process.stdout.write('. '), 1_000);
  let isEnding = false;
  const end = () => {
    isEnding = true;
    endGroup(child, 'SIGTERM');
    // npm would go on for half a minute, to clear up what the next installation clears up as well.
    setTimeout(() => endGroup(child, 'SIGKILL'), END_LIMIT_MS).unref();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, end);
  const [exitCode, how] = await new Promise((resolve) => {
    child.once('error', (error) => resolve([1, error.message]));
    child.once('close', (code, signal) =>
      resolve([code ?? 1, signal === null ? `exit code ${code}` : `signal ${signal}`]),
    );
  });
  clearInterval(timer);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(signal, end);
  if (isEnding) {
    rmSync(LOCK, { force: true });
    console.log('\nStopped.');
    process.exit(0);
  }
  return { how, exitCode, output };
}

/** @param {import('node:child_process').ChildProcess} child @param {NodeJS.Signals} signal */
function endGroup(child, signal) {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended, or there are no process groups here.
    child.kill(signal);
  }
}

/** @param {() => Promise<void>} work */
async function withLock(work) {
  try {
    mkdirSync(join(LOCK, '..'), { recursive: true });
  } catch (error) {
    throw toUnwritable(error);
  }
  let waits = 0;
  for (; !tryLock(); waits += 1) {
    if (waits === 0) process.stdout.write('Another run is installing or building in this folder ');
    if (waits % 2 === 1) process.stdout.write('. ');
    await delay(500);
  }
  if (waits > 0) console.log('done');
  try {
    await work();
  } finally {
    rmSync(LOCK, { force: true });
  }
}

/** @throws {SetupFailedError} when there can be no lock here, or the one there is seems to be left over. */
function tryLock() {
  try {
    writeFileSync(LOCK, `${process.pid} ${readStartTime(process.pid)}`, { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw toUnwritable(error);
  }
  // Somebody has it, unless they were killed, or have given it back this moment.
  if (!isOwnerAlive()) rmSync(LOCK, { force: true });
  else if (Date.now() - (statSync(LOCK, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) > LONGEST_SETUP_MS) {
    throw new SetupFailedError(
      `\nAnother run seems to have been installing or building here for half an hour. If there is none, delete ${LOCK} and start again.`,
      1,
    );
  }
  return false;
}

function toUnwritable({ code }) {
  const advice = 'let this user write there, or run npm ci and npm run build as one who may';
  return new SetupFailedError(`${LOCK} cannot be written (${code}): ${advice}.`, 1);
}

function isOwnerAlive() {
  let text;
  try {
    text = readFileSync(LOCK, 'utf8');
  } catch {
    // Given back this moment.
    return true;
  }
  // Just made, and not written yet.
  if (text === '') return true;
  const [pid, startTime] = text.split(' ');
  // In a container the same few numbers come again and again.
  if (Number(pid) === process.pid) return false;
  return isAlive(Number(pid)) && readStartTime(pid) === startTime;
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Otherwise it is somebody else's.
    return error.code !== 'ESRCH';
  }
}

/**
 * What tells a process from a later one of the same number, where the system says it (Linux: proc_pid_stat(5), field 22).
 *
 * @param {number | string} pid
 * @returns {string}
 */
function readStartTime(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is a name, in which there may be blanks and parentheses.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    // Another system, or the process has gone this moment.
    return '';
  }
}

async function main() {
  try {
    await ensureDependencies();
    await build();
  } catch (error) {
    if (!(error instanceof SetupFailedError)) throw error;
    console.error(error.message);
    process.exit(error.exitCode);
  }
  // In this process, so that a signal reaches what has to stop the rest.
  await import(pathToFileURL(RUNNER).href);
}

if (realpathSync(process.argv[1] ?? '.') === fileURLToPath(import.meta.url)) await main();
