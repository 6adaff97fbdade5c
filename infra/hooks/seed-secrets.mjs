// After `azd provision`: puts into the vault what the processes read there and no template may know. What is there
// already stays, so that it can be run again and again.
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

/** A role that has just been given takes some minutes to be known everywhere, and so does the name of a new vault. */
const PATIENCE_MS = 300_000;
const PAUSE_MS = 5_000;

/** Of a name that does not resolve, perhaps not yet. */
const UNRESOLVED = new Set(['EAI_AGAIN', 'ENOTFOUND']);

/** The secrets that are lists of keys, each with its first holder, whom it lets in, and what says whether keys do. */
const KEY_LISTS = [
  { secret: 'api-keys', holder: 'first-caller', whom: 'callers', mode: 'AUTH_MODE' },
  { secret: 'operator-keys', holder: 'first-operator', whom: 'operators', mode: 'OPERATOR_AUTH' },
];

/**
 * @param vault As `openVault` gives it.
 * @param options.createKey Makes a key and its entry in a list.
 * @param options.env What azd has set: where a tenant vouches for people, no keys are needed.
 * @param options.isWatched Whether a person reads what is printed: a key is shown to nobody else.
 * @param options.patienceMs How long a refusal is taken for a role on its way, and how long the vault's name may not resolve.
 */
export async function seedSecrets(
  vault,
  { createKey, env, isWatched, print, patienceMs = PATIENCE_MS, pauseMs = PAUSE_MS },
) {
  const giveUpAt = Date.now() + patienceMs;
  let printed;
  const withPatience = async (call) => {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        const reason = error.statusCode === 403 ? 'the vault refuses' : UNRESOLVED.has(error.code) && error.message;
        if (!reason || Date.now() > giveUpAt) throw error;
        if (reason !== printed) print(`Trying again for up to ${patienceMs / 60_000} min: ${reason}.`);
        printed = reason;
        await delay(pauseMs);
      }
    }
  };
  const isThere = (name) =>
    withPatience(async () => {
      try {
        await vault.getSecret(name);
        return true;
      } catch (error) {
        if (error.statusCode !== 404) throw error;
        return false;
      }
    });
  const set = (name, value) => withPatience(() => vault.setSecret(name, value));

  if (!(await isThere('identifier-hash-key'))) {
    await set('identifier-hash-key', randomBytes(32).toString('base64url'));
    print('identifier-hash-key: made; nobody has to know it.');
  }
  for (const { secret, holder, whom, mode } of KEY_LISTS) {
    if (env[mode] === 'entra' || (await isThere(secret))) continue;
    if (!isWatched) {
      print(`${secret}: missing, and not made where its key would stand in a log. No ${whom} get in until it is set.`);
      continue;
    }
    const { key, entry } = createKey(holder);
    await set(secret, JSON.stringify([entry]));
    print(`${secret}: made, with one key, shown this once. The key of ${holder}:\n\n  ${key}\n`);
  }
}

/**
 * @param options Of the client, for a stand-in.
 * @returns A SecretClient of @azure/keyvault-secrets.
 */
export async function openVault(url, credential, options = {}) {
  const { SecretClient } = await import('@azure/keyvault-secrets');
  return new SecretClient(url, credential, options);
}

async function main() {
  const { KEY_VAULT_URL: url, CI, TF_BUILD } = process.env;
  if (!url) throw new Error('KEY_VAULT_URL is not set: run this as azd does, after azd provision.');
  const { identity, apiKey } = await loadModules();
  // azd's own sign-in; in Azure Pipelines azd has that of the Azure CLI.
  const credential = new identity.ChainedTokenCredential(
    new identity.AzureDeveloperCliCredential(),
    new identity.AzureCliCredential(),
  );
  await seedSecrets(await openVault(url, credential), {
    createKey: apiKey.createApiKey,
    env: process.env,
    isWatched: !CI && !TF_BUILD,
    print: (text) => console.log(text),
  });
}

async function loadModules() {
  try {
    const [identity, apiKey] = await Promise.all([import('@azure/identity'), import('../../apps/api/api-key.mjs')]);
    return { identity, apiKey };
  } catch (cause) {
    throw new Error('The packages are not installed: run npm ci, then azd provision again.', { cause });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  main().catch((error) => {
    // Of an answer of the vault only its text: the whole has the request in it.
    console.error(`The secrets could not be seeded: ${error.message}`);
    process.exitCode = 1;
  });
}
