import { type RedisClient, RedisScript } from './redis-client';

/** A limit over all processes, since Redis counts. A window begins with its first request. */
export interface RateWindow {
  key: string;
  /** How many requests one window admits. */
  limit: number;
  windowMs: number;
}

/** The count of a window, including the present request. */
export interface WindowCount {
  taken: number;
  /** Until the window ends. */
  msLeft: number;
}

/**
 * Lua for scripts that count a request and serve it in one step: `take(key, windowMs, count)` returns `taken, msLeft`; `count`
 * is 1 by default. A library's limiter needs another command for each request, a sixth of the cost of the fastest.
 */
export const TAKE = `
local function take(key, windowMs, count)
  local taken = redis.call('INCRBY', key, count or 1)
  if taken == tonumber(count or 1) then redis.call('PEXPIRE', key, windowMs) end
  return taken, redis.call('PTTL', key)
end`;

/** KEYS window; ARGV length of the window in ms, how many requests */
const COUNT = new RedisScript<[taken: number, msLeft: number]>(`${TAKE}
return { take(KEYS[1], ARGV[1], ARGV[2]) }`);

/** Counts one request or several that no other script counts. */
export async function countRequest(redis: RedisClient, { key, windowMs }: RateWindow, count = 1): Promise<WindowCount> {
  const [taken, msLeft] = await COUNT.run(redis, [key], [windowMs, count]);
  return { taken, msLeft };
}
