import { isLoopbackHost } from '#shared/http/is-loopback-host';
import { ProblemError } from '../http/problem-error';
import { ANONYMOUS, type Authenticator } from './authenticator';

/** Anyone on this machine, who is not asked who it is, but no page of another site that got here by its own name. */
export const ANYONE_HERE: Authenticator = {
  authenticate({ host }) {
    if (!isLoopbackHost(host)) throw new ProblemError('HOST_NOT_ALLOWED');
    return ANONYMOUS;
  },
  problem: undefined,
  close() {},
};
