/** What a process is called in logs and traces. */
export type ServiceName = 'audit-query-api' | 'audit-query-worker';
