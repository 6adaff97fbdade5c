/** The name of the image of a service in these tests. */
export function toImageName(service: string): string {
  return `localhost/audit-query-${service}`;
}
