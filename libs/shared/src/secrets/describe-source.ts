import type { SecretSource } from './secret-source';

/** Which secret it is, for people; never its value. */
export function describeSource(source: SecretSource): string {
  switch (source.kind) {
    case 'plain':
      return 'the secret in the environment';
    case 'key-vault':
      return `the secret ${source.name} of ${source.vaultUrl}`;
    case 'app-configuration':
      return `the setting ${source.key} of ${source.endpoint}`;
  }
}
