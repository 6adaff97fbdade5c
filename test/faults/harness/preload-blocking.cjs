// Blocks the event loop of the process that it is loaded into, for as long as BLOCK_MS says, whenever SIGUSR2 comes.
const { performance } = require('node:perf_hooks');

process.on('SIGUSR2', () => {
  const until = performance.now() + Number(process.env.BLOCK_MS);
  while (performance.now() < until);
});
