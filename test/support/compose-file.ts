import { parse } from 'yaml';

/** A service of docker-compose.yml, with the keys that the file uses. */
export interface ComposeService {
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly image?: string;
  readonly command?: readonly string[];
  readonly container_name?: string;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly init?: boolean;
  readonly ports?: readonly string[];
  readonly volumes?: readonly (string | BindMount)[];
  readonly security_opt?: readonly string[];
  readonly stop_grace_period?: string;
  readonly stop_signal?: string;
  readonly user?: string;
  readonly cap_drop?: readonly string[];
  readonly read_only?: boolean;
}

interface BindMount {
  readonly type: 'bind';
  readonly source: string;
  readonly target: string;
  readonly read_only: boolean;
}

export type ServiceName = 'api' | 'azurite' | 'redis' | 'sample-data' | 'worker';

export interface ComposeFile {
  readonly name: string;
  readonly services: Readonly<Record<ServiceName, ComposeService>>;
}

/** Interpolates `${NAME:-default}` and `${NAME:+alternative}` with these variables, as compose does. */
export function parseComposeFile(text: string, env: Readonly<Record<string, string>> = {}): ComposeFile {
  const interpolated = text.replace(/\$\{(\w+):([-+])([^}]*)\}/g, (_, name: string, sign: string, word: string) => {
    const value = env[name] ?? '';
    return (value === '') === (sign === '-') ? word : sign === '-' ? value : '';
  });
  return parse(interpolated, { merge: true }) as ComposeFile;
}
