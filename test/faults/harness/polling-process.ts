import autocannon from 'autocannon';

/** Longer than any test: SIGTERM ends it. */
const DURATION_SECONDS = 600;

/** Polls until SIGTERM, then prints the counts as JSON. Its only argument is the options of autocannon as JSON. */
async function main(optionsJson: string | undefined): Promise<void> {
  if (optionsJson === undefined) throw new Error('the only argument, the options as JSON, is missing');
  const options = JSON.parse(optionsJson) as autocannon.Options;
  const polling = autocannon({ ...options, duration: DURATION_SECONDS });
  process.once('SIGTERM', () => (polling as unknown as autocannon.Instance).stop());
  const { errors, non2xx } = await polling;
  console.log(JSON.stringify({ errors, non2xx }));
}

void main(process.argv[2]);
