/** Longer than any query waits and runs: what is kept of one is forgotten by then, even if nobody has looked. */
export const LONGEST_LIFE_MS = 30 * 86_400_000;

/** A submission that has not queued its job by then never will. */
export const QUEUED_WITHIN_MS = 10_000;
