/** Configuration of the service, and the time that its queries may need to end. */
interface Profile {
  name: 'fast' | 'slow';
  lockSeconds: number;
  pageTimeoutSeconds: number;
  pageRetrySeconds: number;
  shutdownGraceSeconds: number;
  /** Limit for the end of every accepted query after the last disturbance. */
  settleMs: number;
}

const PROFILES: Record<Profile['name'], Profile> = {
  fast: {
    name: 'fast',
    lockSeconds: 1,
    pageTimeoutSeconds: 2,
    pageRetrySeconds: 3,
    shutdownGraceSeconds: 3,
    settleMs: 60_000,
  },
  // The defaults of the service.
  slow: {
    name: 'slow',
    lockSeconds: 30,
    pageTimeoutSeconds: 30,
    pageRetrySeconds: 120,
    shutdownGraceSeconds: 25,
    settleMs: 300_000,
  },
};

/** `slow` with `npm run test:faults -- --profile slow`, else `fast`. */
export const profile = PROFILES[process.env['FAULTS_PROFILE'] === 'slow' ? 'slow' : 'fast'];

/** The profile as variables of the service. */
export const PROFILE_ENV = {
  LOCK_SECONDS: String(profile.lockSeconds),
  PAGE_TIMEOUT_SECONDS: String(profile.pageTimeoutSeconds),
  PAGE_RETRY_SECONDS: String(profile.pageRetrySeconds),
  SHUTDOWN_GRACE_SECONDS: String(profile.shutdownGraceSeconds),
};
