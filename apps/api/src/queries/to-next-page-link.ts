/**
 * The `Link` header (RFC 8288) of a list that goes on.
 *
 * @param query The parameters of the page that is answered, which are those of the next one but for its token.
 */
export function toNextPageLink(path: string, query: object, nextPageToken: string): string {
  const next = new URLSearchParams({ ...(query as Record<string, string>), pageToken: nextPageToken });
  return `<${path}?${next.toString()}>; rel="next"`;
}
