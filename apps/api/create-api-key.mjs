// `npm run api-key -- NAME`: makes a key for a caller or an operator. Plain JavaScript, so that it needs no build.
import { createApiKey } from './api-key.mjs';

const [caller] = process.argv.slice(2);

// As `ApiKey` in src/auth/api-key-list.ts wants it.
if (caller === undefined || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(caller)) {
  console.error('usage: npm run api-key -- NAME');
  console.error('NAME: 1 to 64 letters, digits, dots, dashes and underscores, a letter or digit first');
  process.exit(1);
}

const { key, entry } = createApiKey(caller);

console.log(`The key of ${caller}, shown this once. A caller sends it in the header x-api-key or as a bearer token,
an operator as the password beside the user name ${caller}:

  ${key}

Its entry in the list (a JSON array; API_KEYS_FILE or API_KEYS_SECRET for callers, OPERATOR_KEYS_FILE or
OPERATOR_KEYS_SECRET for operators), which gives nothing of the key away:

  ${JSON.stringify(entry)}
`);
