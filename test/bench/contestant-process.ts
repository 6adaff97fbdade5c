import { prepareBareScan } from './bare-scan';
import type { ContestantName, ContestantReport, Measurement, Scan, Task } from './contestant';
import { prepareEngineScan } from './engine-scan';
import { prepareOriginalScan } from './original-scan';
import { readPeakRssBytes } from './peak-rss';

const CONTESTANTS: Record<ContestantName, (task: Task) => Promise<Scan>> = {
  engine: prepareEngineScan,
  original: async (task) => prepareOriginalScan(task),
  bare: async (task) => prepareBareScan(task),
};

async function measure(scan: Scan): Promise<Measurement> {
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const answer = await scan.run();
  const ms = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { ...answer, ms, cpuMs: (user + system) / 1_000, peakRssBytes: readPeakRssBytes(process.pid) };
}

/** `node contestant-process.js <name> '<Task as JSON>'`; tells its parent the report. */
async function main(name: ContestantName, taskJson: string): Promise<void> {
  const scan = await CONTESTANTS[name](JSON.parse(taskJson) as Task);
  let report: ContestantReport;
  try {
    report = { measured: await measure(scan) };
  } catch (error) {
    report = { failed: String(error) };
  } finally {
    scan.close();
  }
  process.send?.(report, () => process.disconnect());
}

// A parent that is gone leaves nobody to report to.
process.once('disconnect', () => process.exit(0));
void main(process.argv[2] as ContestantName, process.argv[3] ?? '');
