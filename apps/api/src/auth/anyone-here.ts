import { ANONYMOUS, type Authenticator } from './authenticator';
import { refuseForeignHost } from './refuse-foreign-host';

/** Anyone on this machine, who is not asked who it is, but no page of another site that got here by its own name. */
export const ANYONE_HERE: Authenticator = {
  authenticate(headers) {
    refuseForeignHost(headers);
    return ANONYMOUS;
  },
  problem: undefined,
  close() {},
};
