import type { ComposeFile, ServiceName } from '../support/compose-file';
import { waitUntil } from '../support/wait-until';
import { toFullName } from './assemble-base';
import { toImageName } from './image-name';
import { LIMIT_OPTIONS, podman, runPodman } from './podman';
import { toHealthCommand, toRunArguments } from './to-run-arguments';

/** Limit for the start of a container until it is healthy, or for the sample data, on a busy machine. */
const START_LIMIT_MS = 120_000;

export interface StoppedContainer {
  exitCode: number;
  seconds: number;
}

/** The containers of a docker-compose.yml, in a network of their own with the names of the services. */
export class Composition {
  private constructor(
    private readonly file: ComposeFile,
    private readonly network: string,
  ) {}

  /** Also removes containers of an earlier run, which have the same names. */
  static async create(file: ComposeFile): Promise<Composition> {
    const composition = new Composition(file, `${file.name}_default`);
    await composition.remove();
    await podman('network', 'create', composition.network);
    return composition;
  }

  async remove(): Promise<void> {
    await podman('rm', '--all', '--force', '--time', '1', '--volumes');
    await podman('volume', 'prune', '--force');
    await runPodman(['network', 'rm', this.network]);
  }

  /**
   * Starts a container of a service as `docker compose up` does: after the conditions of its `depends_on`.
   *
   * @param definition Replaces that of the file.
   * @returns The name of the container.
   */
  async start(service: ServiceName, number = 1, definition = this.file.services[service]): Promise<string> {
    for (const [other, { condition }] of Object.entries(definition.depends_on ?? {})) {
      if (condition === 'service_completed_successfully') await this.waitUntilDone(this.toName(other));
      else await this.waitUntilHealthy(other as ServiceName);
    }
    const name = this.toName(service, number);
    await podman(
      ...['run', '--detach', '--name', name, '--network', this.network, '--network-alias', service],
      ...LIMIT_OPTIONS,
      ...toRunArguments(definition),
      definition.image === undefined ? toImageName(service) : toFullName(definition.image),
      ...(definition.command ?? []),
    );
    return name;
  }

  toName(service: string, number = 1): string {
    return `${this.file.name}-${service}-${number}`;
  }

  /** Runs the service's health check in the container, as the engine does, until it passes. */
  async waitUntilHealthy(service: ServiceName, number = 1): Promise<void> {
    const name = this.toName(service, number);
    const command = toHealthCommand(this.file.services[service].healthcheck?.test ?? []);
    const { state, logs } = await waitUntil(
      `${name} to be healthy`,
      async () => ({
        check: await execute(name, ...command),
        state: await readState(name),
        logs: await readLogs(name),
      }),
      ({ check, state }) => check.exitCode === 0 || state.Status !== 'running',
      START_LIMIT_MS,
    );
    if (state.Status !== 'running') throw new Error(`${name} is ${state.Status}:\n${logs}`);
  }

  private async waitUntilDone(name: string): Promise<void> {
    const exitCode = await podman('wait', name);
    if (exitCode !== '0') throw new Error(`${name} ended with ${exitCode}:\n${await readLogs(name)}`);
  }
}

/** `docker stop`: the service's signal to process 1, and SIGKILL after its grace period. */
export async function stopContainer(name: string): Promise<StoppedContainer> {
  const startedAt = performance.now();
  await podman('stop', name);
  const seconds = (performance.now() - startedAt) / 1_000;
  return { exitCode: (await readState(name)).ExitCode, seconds };
}

/** Its stdout and stderr. */
export async function readLogs(name: string): Promise<string> {
  const { stdout, stderr } = await runPodman(['logs', name]);
  return stdout + stderr;
}

export interface ContainerState {
  readonly Status: string;
  readonly ExitCode: number;
  /** The id of process 1 on the host. */
  readonly Pid: number;
}

export async function readState(name: string): Promise<ContainerState> {
  return JSON.parse(await podman('container', 'inspect', '--format', '{{json .State}}', name)) as ContainerState;
}

/** Runs a command in a container. Does not throw if the command fails. */
export function execute(name: string, ...command: string[]) {
  return runPodman(['exec', name, ...command]);
}
