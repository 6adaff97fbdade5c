/** Whether the header has a token whose audience is the resource. */
export function isFor(resource: string, authorization: string | undefined): boolean {
  const claims = /^Bearer [\w-]+\.([\w-]+)\./.exec(authorization ?? '')?.[1];
  if (claims === undefined) return false;
  return (JSON.parse(Buffer.from(claims, 'base64url').toString()) as { aud?: string }).aud === resource;
}
