import eslint from '@eslint/js';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'coverage/', 'apps/cli/src/service/openapi-client.ts'] },
  {
    files: ['**/*.ts', '**/*.mts'],
    extends: [eslint.configs.recommended, tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false } }],
      // An async method may satisfy an interface without having anything to wait for.
      '@typescript-eslint/require-await': 'off',
      // Nest's modules are classes that hold nothing but their decorator.
      '@typescript-eslint/no-extraneous-class': 'off',
      'no-console': 'error',
      // `process.env` is read in one place, libs/shared/src/config/environment.ts.
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Take it from the config.' },
      ],
    },
  },
  {
    files: ['libs/shared/src/config/environment.ts', 'apps/local/**/*.ts', 'test/**/*.ts', 'test/**/*.mts'],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    // What is printed there is the product, or all that is left to say.
    files: ['libs/shared/src/process/run-until-signal.ts', 'apps/local/**/*.ts', 'test/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['**/*.mjs', '**/*.cjs'],
    extends: [eslint.configs.recommended],
    languageOptions: { globals: { console: 'readonly', process: 'readonly', URL: 'readonly', module: 'writable' } },
  },
  prettier,
);
