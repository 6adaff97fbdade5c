import type { IncomingHttpHeaders } from 'node:http';
import { OBJECT_ID } from '../../auth/entra-authenticator';
import { readBearer } from '../../auth/bearer';
import { readBasic } from './basic-authenticator';

/**
 * Of a name of the list. Shorter than any key (`npm run api-key` prints 46 characters, a digest has 64), since a person may
 * type the key into the field of the name.
 */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;

/**
 * Who a refused credential claims to be, in the form of an operator's name; `?` stands for a name that is missing or could
 * be a secret. Proves nothing: anyone can send it. Never holds a part of a key, a signature or other text of the client's.
 */
export async function readClaimedOperator(
  mode: 'none' | 'basic' | 'entra',
  headers: IncomingHttpHeaders,
): Promise<string> {
  try {
    return `${mode}:${mode === 'basic' ? readName(headers) : await readSubject(headers)}`;
  } catch {
    // The credential is malformed, which may be why it was refused.
    return `${mode}:?`;
  }
}

function readName({ authorization }: IncomingHttpHeaders): string {
  const { user } = readBasic(authorization);
  return NAME.test(user) ? user : '?';
}

async function readSubject({ authorization }: IncomingHttpHeaders): Promise<string> {
  const { decodeJwt } = await import('jose');
  const { tid, oid } = decodeJwt(readBearer(authorization) ?? '');
  const isId = (id: unknown): id is string => typeof id === 'string' && OBJECT_ID.test(id);
  return isId(tid) && isId(oid) ? `${tid}/${oid}`.toLowerCase() : '?';
}
