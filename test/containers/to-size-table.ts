import type { Image } from './image';

const COLUMNS = ['base', 'modules', 'libraries', 'app'] as const;

/** What is in the images, and how large that is, as a table in Markdown. */
export function toSizeTable(base: Image, images: Readonly<Record<string, Image>>): string {
  const rows = Object.entries(images).map(([name, { entries }]) => {
    const sizes: Record<string, { files: number; bytes: number }> = {};
    for (const [path, stats] of entries) {
      const part = (sizes[toPart(path, base)] ??= { files: 0, bytes: 0 });
      if (!stats.isFile()) continue;
      part.files += 1;
      part.bytes += stats.size;
    }
    const total = Object.values(sizes).reduce((sum, { bytes }) => sum + bytes, 0);
    const cells = COLUMNS.map((part) => `${toMegabytes(sizes[part]?.bytes ?? 0)} (${sizes[part]?.files ?? 0})`);
    return [`\`${name}\``, ...cells, toMegabytes(total)];
  });
  const header = ['image', ...COLUMNS.map((part) => `${part}, MB (files)`), 'total, MB'];
  return [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function toPart(path: string, base: Image): (typeof COLUMNS)[number] {
  if (base.entries.has(path)) return 'base';
  if (path.startsWith('app/node_modules')) return 'modules';
  return path.startsWith('app/dist/apps/') ? 'app' : 'libraries';
}

function toMegabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(1);
}
