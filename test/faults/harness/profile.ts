/** How the service is configured, and how long it may take to settle. */
interface Profile {
  name: 'fast' | 'slow';
  lockSeconds: number;
  pageTimeoutSeconds: number;
  pageRetrySeconds: number;
  shutdownGraceSeconds: number;
  /** In which every accepted query must have ended once nothing is disturbed any more. */
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
  // What a deployment has that configures nothing.
  slow: {
    name: 'slow',
    lockSeconds: 30,
    pageTimeoutSeconds: 30,
    pageRetrySeconds: 120,
    shutdownGraceSeconds: 25,
    settleMs: 300_000,
  },
};

/** As `npm run test:faults -- --profile slow` says; fast by default. */
export const profile = PROFILES[process.env['FAULTS_PROFILE'] === 'slow' ? 'slow' : 'fast'];

/** The profile as the service takes it. */
export const PROFILE_ENV = {
  LOCK_SECONDS: String(profile.lockSeconds),
  PAGE_TIMEOUT_SECONDS: String(profile.pageTimeoutSeconds),
  PAGE_RETRY_SECONDS: String(profile.pageRetrySeconds),
  SHUTDOWN_GRACE_SECONDS: String(profile.shutdownGraceSeconds),
};
