export function createApiKey(caller: string): { key: string; entry: { caller: string; sha256: string } };
