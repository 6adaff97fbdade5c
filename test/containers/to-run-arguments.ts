import type { ComposeService } from '../support/compose-file';

type Values = readonly string[];
type Translations = { readonly [K in keyof ComposeService]-?: (value: NonNullable<ComposeService[K]>) => Values };

const each = (option: string, values: Values): string[] => values.flatMap((value) => [option, value]);
const NONE = (): Values => [];

/** The options of Podman for each key of a service. Podman also has compose's default of ten seconds. */
const TRANSLATIONS: Translations = {
  cap_drop: (names) => each('--cap-drop', names),
  environment: (variables) =>
    each(
      '--env',
      Object.entries(variables).map(([name, value]) => `${name}=${value}`),
    ),
  init: (isWanted) => (isWanted ? ['--init'] : []),
  ports: (ports) => each('--publish', ports),
  // With Docker the whole file system is read-only. Podman keeps /tmp and /run writable by default.
  read_only: (isReadOnly) => (isReadOnly ? ['--read-only', '--read-only-tmpfs=false'] : []),
  security_opt: (options) => each('--security-opt', options),
  stop_grace_period: (period) => ['--stop-timeout', parseSeconds(period)],
  stop_signal: (signal) => ['--stop-signal', signal],
  user: (user) => ['--user', user],
  volumes: (volumes) =>
    volumes.flatMap((volume) =>
      typeof volume === 'string'
        ? ['--volume', volume]
        : ['--mount', `type=bind,source=${volume.source},target=${volume.target},ro=${volume.read_only}`],
    ),
  // Keys of image, order, name and command, and of the health check, which the tests run themselves.
  build: NONE,
  command: NONE,
  container_name: NONE,
  depends_on: NONE,
  healthcheck: NONE,
  image: NONE,
};

/**
 * The options of `podman run` for a service of docker-compose.yml.
 *
 * @throws Error for an unknown key, so that no key is ignored.
 */
export function toRunArguments(service: ComposeService): string[] {
  return Object.entries(service).flatMap(([key, value]) => {
    const translate = TRANSLATIONS[key as keyof ComposeService] as ((value: unknown) => Values) | undefined;
    if (translate === undefined) throw new Error(`docker-compose.yml has "${key}", which to-run-arguments.ts has not.`);
    return translate(value);
  });
}

function parseSeconds(period: string): string {
  const [, seconds] = /^(\d+)s$/.exec(period) ?? [];
  if (seconds === undefined) throw new Error(`"${period}" is no number of seconds such as 30s.`);
  return seconds;
}

/** The command of a health check in the container. */
export function toHealthCommand([kind, ...command]: readonly string[]): string[] {
  if (kind === 'CMD') return command;
  if (kind === 'CMD-SHELL') return ['/bin/sh', '-c', ...command];
  throw new Error(`A health check of the kind "${kind}" is not known.`);
}
