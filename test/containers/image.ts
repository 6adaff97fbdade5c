import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { podman } from './podman';

/** The content and configuration of a mounted image. */
export interface Image {
  /** All files, links and folders by their path in the image, such as `app/package.json`. */
  readonly entries: ReadonlyMap<string, Stats>;
  /** Digests, the lowest one first. */
  readonly layers: readonly string[];
  readonly config: {
    readonly User: string;
    readonly Cmd: readonly string[];
    readonly Env: readonly string[];
    readonly WorkingDir: string;
    readonly Labels: Readonly<Record<string, string>> | null;
  };
  /** The command of the health check, after `CMD`; absent with `HEALTHCHECK NONE`. */
  readonly healthcheck: readonly string[] | undefined;
}

interface Inspection {
  readonly RootFS: { readonly Layers: readonly string[] };
  readonly Config: Image['config'];
  readonly Healthcheck?: { readonly Test: readonly string[] };
}

export async function readImage(name: string): Promise<Image> {
  const [inspection] = JSON.parse(await podman('image', 'inspect', name)) as [Inspection];
  const root = await podman('image', 'mount', name);
  try {
    const entries = new Map<string, Stats>();
    addEntries(entries, root, '');
    const healthcheck = inspection.Healthcheck?.Test;
    return {
      entries,
      layers: inspection.RootFS.Layers,
      config: inspection.Config,
      healthcheck: healthcheck?.[0] === 'NONE' ? undefined : healthcheck,
    };
  } finally {
    await podman('image', 'unmount', name);
  }
}

function addEntries(entries: Map<string, Stats>, root: string, folder: string): void {
  for (const name of readdirSync(join(root, folder))) {
    const path = join(folder, name);
    const stats = lstatSync(join(root, path));
    entries.set(path, stats);
    if (stats.isDirectory()) addEntries(entries, root, path);
  }
}
