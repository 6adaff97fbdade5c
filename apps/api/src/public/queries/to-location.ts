import type { ApiConfig } from '#shared/config/api-config';

/**
 * The value of a `Location` header: absolute where the public origin is configured, else a relative reference
 * (RFC 9110, 10.2.2). Never built from a header of the request, which whoever sends it may choose.
 */
export function toLocation({ publicBaseUrl }: ApiConfig, path: string): string {
  return (publicBaseUrl ?? '') + path;
}
