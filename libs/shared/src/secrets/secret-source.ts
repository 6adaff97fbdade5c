/** Where a secret is to be had. */
export type SecretSource =
  /** In the environment. */
  | { readonly kind: 'plain'; readonly value: string }
  | { readonly kind: 'key-vault'; readonly vaultUrl: string; readonly name: string }
  /** Where a setting says. */
  | { readonly kind: 'app-configuration'; readonly endpoint: string; readonly key: string };
