// `npm run test:matrix`: `npm test` in a clean copy of the tree on each line of Node that is supported, one after the other.
// `-- --node 22` takes that one alone, a version or its beginning, and can be repeated. Other arguments go to the runner.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));

/** The oldest that package.json allows, and the newest of each line that is maintained for long. */
const LINES = ['20.19', '22', '24'];

/** How the run ended, as the closing line reporter prints it. */
const CLOSING_LINE = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/gm;

const { lines, runnerArguments } = parseArguments(process.argv.slice(2));
/** What is to be told to go when this is. */
let running;
let isEnding = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    isEnding = true;
    running?.kill(signal);
  });
}

const results = [];
for (const line of lines) {
  // Outside of the tree, so that nothing of its modules is found from there.
  const folder = mkdtempSync(join(tmpdir(), `audit-query-node-${line}-`));
  try {
    results.push(await runOn(line, folder));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (isEnding) break;
}
console.table(Object.fromEntries(results.map(({ node, ...result }) => [node, result])));
process.exit(!isEnding && results.every(({ exit, passed }) => exit === 0 && passed > 0) ? 0 : 1);

async function runOn(line, folder) {
  const startedAt = Date.now();
  const took = () => `${Math.round((Date.now() - startedAt) / 1_000)} s`;
  console.log(`\n== Node ${line}`);
  // npm carries the binaries as packages, one for each kind of machine.
  const name = `node-${process.platform}-${process.arch}`;
  const home = join(folder, 'node');
  mkdirSync(home);
  const options = ['--no-save', '--no-package-lock', '--ignore-scripts', '--prefix', home];
  const installed = await run('npm', ['install', ...options, `${name}@${line}`], home, process.env.PATH);
  const bin = join(home, 'node_modules', name, 'bin');
  if (installed.exit !== 0) return { node: line, passed: 0, failed: 0, skipped: 0, time: took(), exit: installed.exit };

  const node = spawnSync(join(bin, 'node'), ['--version'], { encoding: 'utf8' }).stdout.trim();
  const tree = join(folder, 'tree');
  copyTree(tree);
  console.log(`Node ${node}: npm test ${runnerArguments.join(' ')}`);
  const path = [bin, process.env.PATH].join(delimiter);
  // It begins with npm ci and the build, since there is neither in the copy.
  const { exit, output } = await run('npm', ['test', '--', ...runnerArguments], tree, path);
  const [, ...counts] = [...output.matchAll(CLOSING_LINE)].at(-1) ?? [];
  const [passed = 0, failed = 0, skipped = 0] = counts.map((count) => Number(count ?? 0));
  return { node, passed, failed, skipped, time: took(), exit };
}

/** What git has or would add, as it is now: no modules, no output of builds, no secrets. */
function copyTree(target) {
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const { stdout, status } = spawnSync('git', list, { cwd: PROJECT, encoding: 'utf8' });
  if (status !== 0) throw new Error('A clean copy needs git, and a clone of the repository.');
  for (const path of stdout.split('\0')) {
    if (path === '' || !existsSync(join(PROJECT, path))) continue;
    mkdirSync(dirname(join(target, path)), { recursive: true });
    cpSync(join(PROJECT, path), join(target, path));
  }
}

/** Shows what it prints, and gives it back. */
async function run(command, args, cwd, path) {
  if (isEnding) return { exit: 1, output: '' };
  running = spawn(command, args, { cwd, env: toCleanEnvironment(path), stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  running.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
    process.stdout.write(text);
  });
  const exit = await new Promise((resolve) => {
    running.once('error', (error) => resolve(error.message));
    running.once('close', (code, signal) => resolve(code ?? signal));
  });
  return { exit, output };
}

/** Without what the npm that has started this says of its own project. */
function toCleanEnvironment(path) {
  const isKept = ([name]) => !name.startsWith('npm_') || /^npm_config_(cache|registry|userconfig)$/.test(name);
  const folders = path.split(delimiter).filter((folder) => !folder.startsWith(join(PROJECT, 'node_modules') + sep));
  return { ...Object.fromEntries(Object.entries(process.env).filter(isKept)), PATH: folders.join(delimiter) };
}

function parseArguments(args) {
  const lines = [];
  const runnerArguments = [];
  for (let i = 0; i < args.length; i += 1) {
    if (args[i] !== '--node') {
      runnerArguments.push(args[i]);
      continue;
    }
    i += 1;
    if (!/^\d+(\.\d+){0,2}$/.test(args[i] ?? '')) {
      console.error('--node must be a version of Node or its beginning, such as 22 or 20.19.0.');
      process.exit(2);
    }
    lines.push(args[i]);
  }
  return { lines: lines.length > 0 ? lines : LINES, runnerArguments };
}
