import type { TableRow } from './sorted-table';

/** How much OData metadata a page carries, as asked for with `Accept`. */
export type MetadataLevel = 'nometadata' | 'minimalmetadata';

export interface PageForm {
  readonly metadata: MetadataLevel;
  /** The properties to return; null means all. */
  readonly select: readonly string[] | null;
  /** What becomes of a selected property that a row lacks: Azure answers null, Azurite leaves it out. */
  readonly missingProperty: 'null' | 'absent';
  /** `http://host/account/$metadata#table`: a page with metadata names its table by this. */
  readonly metadataUrl: string;
}

/** A page of rows as the service writes it. */
export function toPageBody(rows: readonly TableRow[], form: PageForm): string {
  const { select } = form;
  const projected = select === null ? rows : rows.map((row) => project(row, select, form.missingProperty));
  if (form.metadata === 'nometadata') return JSON.stringify({ value: projected });
  const value = projected.map((row, i) => ({ 'odata.etag': toEtag(rows[i]), ...row }));
  return JSON.stringify({ 'odata.metadata': form.metadataUrl, value });
}

function project(row: TableRow, select: readonly string[], missingProperty: 'null' | 'absent'): object {
  const projected: Record<string, unknown> = {};
  for (const name of select) {
    const value = row[name];
    if (value !== undefined) projected[name] = value;
    else if (missingProperty === 'null') projected[name] = null;
  }
  return projected;
}

function toEtag(row: TableRow | undefined): string {
  return `W/"datetime'${encodeURIComponent(String(row?.['Timestamp']))}'"`;
}
