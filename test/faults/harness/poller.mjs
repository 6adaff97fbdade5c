// Polls until it is told to go, then prints how that went. The plan is its only argument.
import autocannon from 'autocannon';

const polling = autocannon({ ...JSON.parse(process.argv[2] ?? ''), duration: 600 });
process.once('SIGTERM', () => polling.stop());
const { errors, non2xx } = await polling;
console.log(JSON.stringify({ errors, non2xx }));
