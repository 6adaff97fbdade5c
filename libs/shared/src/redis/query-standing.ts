/**
 * Lua for every script that writes an index, an outcome or the queue: `standing(job, outcome)`, by the records themselves.
 *
 * | standing | records |
 * |---|---|
 * | none | no job, or a hash without a request |
 * | Pending, Running | a job that has not ended, and no outcome |
 * | ended | an outcome |
 * | expired | a job that has ended, whose outcome has expired |
 */
export const STANDING = `
local function standing(job, outcome)
  if redis.call('EXISTS', outcome) == 1 then return 'ended' end
  local fields = redis.call('HMGET', job, 'data', 'progress')
  if not fields[1] then return 'none' end
  local progress = fields[2] or ''
  if string.find(progress, '"ended":true', 1, true) then return 'expired' end
  return string.find(progress, '"startedAt"', 1, true) and 'Running' or 'Pending'
end`;

/**
 * Lua: `takeOff(queue, id)` removes a job that no worker holds from every place that BullMQ can keep it in. An id that is
 * left in \`active\` would come back as a job without data: the stalled check writes to the hash of each id that it finds.
 */
export const TAKE_OFF = `
local function takeOff(queue, id)
  local job = queue .. ':' .. id
  -- The wait list is long. A job that expires is not on it: see leaveWait.
  local mayWait = redis.call('PTTL', job) == -1
  for _, set in ipairs({ ':completed', ':failed', ':delayed', ':prioritized' }) do
    if redis.call('ZREM', queue .. set, id) == 1 then mayWait = false end
  end
  redis.call('LREM', queue .. ':active', 0, id)
  redis.call('SREM', queue .. ':stalled', id)
  if mayWait then redis.call('LREM', queue .. ':wait', 0, id) end
  redis.call('DEL', job, job .. ':logs')
end`;

/**
 * Lua: `leaveWait(wait, job, outcome, id)` takes the job of a query that has an outcome off the list of those that wait.
 * Its hash stays for as long as the outcome: BullMQ adds no second job under an id that has one, however late a
 * submission under the same idempotency key arrives.
 */
export const LEAVE_WAIT = `
local function leaveWait(wait, job, outcome, id)
  if redis.call('LREM', wait, 1, id) == 0 then return end
  redis.call('PEXPIRE', job, math.max(redis.call('PTTL', outcome), 1))
end`;
