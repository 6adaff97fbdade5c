import { startTableDouble } from './start-table-double';
import type { TableDoubleOptions } from './table-double-options';

/**
 * A double in a process of its own: `node table-double-process.js '<TableDoubleOptions as JSON>'`. It sends its port as
 * `{"port":1234}` to its parent, or prints it without a parent. The system limits an argument (Linux: 128 KiB), so large
 * tables must be generated.
 */
async function main(optionsJson: string | undefined): Promise<void> {
  if (optionsJson === undefined) throw new Error('the only argument, the options as JSON, is missing');
  const double = await startTableDouble(JSON.parse(optionsJson) as TableDoubleOptions);
  const { port } = double;
  if (process.send) process.send({ port });
  else console.log(JSON.stringify({ port }));
}

// Ends with its parent.
process.once('disconnect', () => process.exit(0));
void main(process.argv[2]);
