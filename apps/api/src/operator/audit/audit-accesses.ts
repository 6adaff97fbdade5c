import { Logger } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ApiConfig } from '#shared/config/api-config';
import { isQueryId } from '#shared/contract/query-id';
import { QUERY_QUEUE } from '#shared/contract/query-job';
import {
  ACCESS_INTERVAL_MS,
  type AccessStream,
  type AuditEntry,
  type AuditLog,
  AuditStream,
  FAILED_LOGINS_PER_MINUTE,
} from '#shared/redis/audit-log';
import { readCode, toEntry } from './audit-changes';
import type { IncomingHttpHeaders } from 'node:http';
import { OBJECT_ID } from '../../auth/entra-authenticator';
import { readBearer } from '../../auth/bearer';
import { readBasic } from '../../auth/basic-authenticator';

/** The codes with which the listener's guard refuses a credential. The others say nothing of it. */
const REFUSED_LOGINS: ReadonlySet<string> = new Set(['UNAUTHENTICATED', 'FORBIDDEN']);

/** With more targets in a minute, a process forgets all of them and asks Redis again. */
const MOST_REMEMBERED = 1_000;

/**
 * Writes down who has read a single query, by its document or by its job on the dashboard, and whose credential was refused.
 * A request without a credential is no failed login: browsers send one before they ask for the name.
 */
export function auditAccesses(fastify: FastifyInstance, audit: AuditLog, mode: ApiConfig['operatorAuth']): void {
  const accesses = new AccessNotes(audit);
  fastify.addHook('onSend', async (request, reply, payload) => {
    if (isQueryRead(request, reply)) accesses.note(AuditStream.Reads, toEntry(request, reply, payload));
    else if (isLoginRefused(request, reply, payload)) {
      const who = await readClaimedOperator(mode, request.headers);
      const outcome = `${reply.statusCode} ${readCode(reply, payload)}`;
      accesses.note(AuditStream.FailedLogins, {
        ...{ who, action: 'login', parameters: '{}', outcome },
        // Of the connection: what a header says of it could be anything. IPv4 has another form on a socket of both kinds.
        target: request.ip.replace(/^::ffff:(?=\d+\.)/, ''),
      });
    }
    return payload;
  });
}

/** Whether the answer shows one query, its history or its job. HEAD shows nothing of it, a list and a purge are neither. */
function isQueryRead(
  { method, operator, params, routeOptions }: FastifyRequest,
  { statusCode }: FastifyReply,
): boolean {
  if (method !== 'GET' || statusCode !== 200 || operator === '') return false;
  const { id, queueName, jobId } = params as Record<string, string | undefined>;
  const route = routeOptions.url ?? '';
  if (route.startsWith('/operator/queries/')) return isQueryId(id ?? '');
  // The page of a job, elsewhere below /queues, is the same for all: its script asks for the job.
  return route.startsWith('/queues/api/') && queueName === QUERY_QUEUE && isQueryId(jobId ?? '');
}

function isLoginRefused({ operator, headers }: FastifyRequest, reply: FastifyReply, payload: unknown): boolean {
  if (operator !== '' || headers.authorization === undefined) return false;
  return (reply.statusCode === 401 || reply.statusCode === 403) && REFUSED_LOGINS.has(readCode(reply, payload));
}

/**
 * Entries that are written beside the answer, which never waits for Redis or fails with it. When Redis cannot take one, the
 * log line is all. Repeats cost Redis nothing, and of failed logins a process sends no more than a minute has room for.
 */
export class AccessNotes {
  private readonly logger = new Logger('Audit');
  /** Until when an operator and a target need no other entry. */
  private readonly noted: Readonly<Record<AccessStream, Map<string, number>>> = {
    [AuditStream.Reads]: new Map(),
    [AuditStream.FailedLogins]: new Map(),
  };

  /** @param now Milliseconds, on a clock that never goes back. */
  constructor(
    private readonly audit: AuditLog,
    private readonly now: () => number = () => performance.now(),
  ) {}

  note(stream: AccessStream, entry: AuditEntry): void {
    const noted = this.noted[stream];
    const pair = JSON.stringify([entry.who, entry.target]);
    const now = this.now();
    for (const [key, until] of noted) if (until <= now) noted.delete(key);
    if (noted.has(pair)) return;
    // One more than are written, so that Redis counts it and the log says that there are more.
    if (stream === AuditStream.FailedLogins && noted.size > FAILED_LOGINS_PER_MINUTE) return;
    if (noted.size >= MOST_REMEMBERED) noted.clear();
    noted.set(pair, now + ACCESS_INTERVAL_MS);
    void this.write(stream, entry).then((msLeft) => noted.set(pair, this.now() + msLeft));
  }

  /** @returns For how long another entry of the two is not written. */
  private async write(stream: AccessStream, entry: AuditEntry): Promise<number> {
    try {
      const { verdict, msLeft } = await this.audit.appendAccess(stream, entry);
      if (verdict === 'written') this.logger.log(entry);
      if (verdict === 'first-left-out')
        this.logger.warn(`more than ${FAILED_LOGINS_PER_MINUTE} failed logins in a minute: the others have no entry`);
      return msLeft;
    } catch (error) {
      this.logger.log(entry);
      this.logger.error(`an entry is only here: ${String(error)}`);
      return ACCESS_INTERVAL_MS;
    }
  }
}

/**
 * Of a name of the list. Shorter than any key (`npm run api-key` prints 46 characters, a digest has 64), since a person may
 * type the key into the field of the name.
 */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;

/**
 * Who a refused credential claims to be, in the form of an operator's name; `?` stands for a name that is missing or could
 * be a secret. Proves nothing: anyone can send it. Never holds a part of a key, a signature or other text of the client's.
 */
async function readClaimedOperator(mode: 'none' | 'basic' | 'entra', headers: IncomingHttpHeaders): Promise<string> {
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
