// Blocks the event loop of the process that loads it for BLOCK_MS, at each SIGUSR2.
const { performance } = require('node:perf_hooks');

process.on('SIGUSR2', () => {
  const until = performance.now() + Number(process.env.BLOCK_MS);
  while (performance.now() < until);
});
