// `node docs/record-cli.mjs`: records docs/command-line.svg anew, from a real session with the service at AUDIT_QUERY_URL.
// Needs the build and termtosvg (Debian: apt-get install termtosvg).
import { spawnSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const SELF = fileURLToPath(import.meta.url);
const MAIN = fileURLToPath(new URL('../dist/apps/cli/src/main.js', import.meta.url));
const SVG = fileURLToPath(new URL('command-line.svg', import.meta.url));

/** What is typed, one line after the other. */
const SESSION = [
  ['submit', '2021-10-10', '2021-12-10', '--wait'],
  ['submit', '2021-10-01', '2021-12-10', '--max-age', '600', '--wait'],
  ['list', '--page-size', '2'],
];

if (process.argv[2] === '--play') await play();
else record();

function record() {
  const command = `${process.execPath} ${SELF} --play`;
  // The size; the least time of a frame, and how long the last one stands, in milliseconds.
  const args = [
    SVG,
    '--command',
    command,
    '--screen-geometry',
    '112x13',
    '--min-frame-duration',
    '60',
    '--loop-delay',
    '5000',
  ];
  const { error, status } = spawnSync('termtosvg', [...args, '--template', 'window_frame'], { stdio: 'inherit' });
  if (error) console.error('termtosvg is needed: apt-get install termtosvg.');
  process.exitCode = status ?? 1;
}

async function play() {
  for (const args of SESSION) {
    process.stdout.write('\u001b[1m$\u001b[0m ');
    for (const letter of ['audit-query', ...args].join(' ')) {
      process.stdout.write(letter);
      await delay(35);
    }
    await delay(400);
    process.stdout.write('\n');
    spawnSync(process.execPath, [MAIN, ...args], { stdio: 'inherit' });
    await delay(800);
  }
  process.stdout.write('\u001b[1m$\u001b[0m ');
}
