export interface Summary {
  median: number;
  min: number;
  max: number;
}

/** @throws RangeError for no values at all. */
export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number): number => {
    const value = sorted[index];
    if (value === undefined) throw new RangeError('there is nothing to sum up');
    return value;
  };
  const half = (sorted.length - 1) / 2;
  const median = (at(Math.floor(half)) + at(Math.ceil(half))) / 2;
  return { median, min: at(0), max: at(sorted.length - 1) };
}

/** `1.32 (1.30-1.41) s` */
export function show({ median, min, max }: Summary, unit: string): string {
  return `${round(median)} (${round(min)}-${round(max)}) ${unit}`;
}

/** Three digits that count, and whole numbers as they are. */
export function round(value: number): string {
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));
}
