/** What the image of a service that compose builds is called here. */
export function toImageName(service: string): string {
  return `localhost/audit-query-${service}`;
}
