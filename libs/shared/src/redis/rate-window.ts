import { type RedisClient, RedisScript } from './redis-client';

/** A limit that holds over all processes, since Redis counts. A window begins with the first request in it. */
export interface RateWindow {
  key: string;
  /** How many requests one window lets through. */
  limit: number;
  windowMs: number;
}

/** What a window has counted, the present request included. */
export interface WindowCount {
  taken: number;
  /** Until the window ends. */
  msLeft: number;
}

/**
 * Lua for the scripts that count a request in the step in which they do what it asks for: `take(key, windowMs, count)` gives
 * `taken, msLeft`; without a count it takes one. A library's limiter would be another command for each request, and cost a sixth of the fastest.
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

/** Counts a request that asks for nothing that another script could do along with it, or several at once. */
export async function countRequest(redis: RedisClient, { key, windowMs }: RateWindow, count = 1): Promise<WindowCount> {
  const [taken, msLeft] = await COUNT.run(redis, [key], [windowMs, count]);
  return { taken, msLeft };
}
