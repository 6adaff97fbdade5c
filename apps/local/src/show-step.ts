const TICK_MS = 1_000;
const NAME_WIDTH = 14;

/**
 * Prints what is being done, every second a sign of life, and in the end what came of it.
 *
 * @param news What to print as a sign of life, where there is more to say than a dot.
 */
export async function showStep<T>(
  name: string,
  work: Promise<T>,
  describe: (outcome: T) => string,
  news: () => string = () => '.',
): Promise<T> {
  const startedAt = performance.now();
  process.stdout.write(name.padEnd(NAME_WIDTH));
  const timer = setInterval(() => process.stdout.write(`${news()} `), TICK_MS);
  try {
    const outcome = await work;
    const seconds = (performance.now() - startedAt) / 1_000;
    process.stdout.write(describe(outcome) + (seconds < 1 ? '\n' : ` (${seconds.toFixed(1)} s)\n`));
    return outcome;
  } catch (error) {
    process.stdout.write('\n');
    throw error;
  } finally {
    clearInterval(timer);
  }
}
