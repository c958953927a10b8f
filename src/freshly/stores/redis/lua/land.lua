-- land: store an entry unless something that it carries was invalidated after its stamp.
--
-- KEYS  bucket, value, lease
-- ARGV  bytes of the entry, when it is dead in ms of the server's clock, nonce, the sequence up to which patterns were compared with the key,
--       the token of the lease under which it was loaded or '', then pairs: a field of a stamp, and the
--       sequence of the entry's stamp for it; the field is '' where only the floor is to be compared
-- Returns 1 if it was stored, 0 if it was overtaken or is dead by now, and the patterns of the bucket if there are newer
-- ones: the caller compares them, since globs are not Lua's, and calls again.
--
-- The promise does not need this: what a plain SET stores late carries its old stamps and is invalid. But
-- it would lie where a newer value is, which was put there by hand or by a load that began later. Bucket
-- and value are in one slot only outside of a cluster.

local bucket = KEYS[1]
local found = redis.call('HMGET', bucket, '!', '_', '*')
if found[1] ~= ARGV[3] then return 0 end
local floor, compared = tonumber(found[2]), tonumber(ARGV[4])
for place = 6, #ARGV, 2 do
  local stamp = tonumber(ARGV[place + 1])
  local mark = tonumber(redis.call('HGET', bucket, ARGV[place]) or '0')
  -- A mark that is no number counts as later than any stamp, as for who reads it.
  if not floor or not mark or stamp < floor or stamp < mark then return 0 end
end
if found[3] then
  local place = 1
  while place <= #found[3] do
    local _, colon, sequence, length = string.find(found[3], '^(%d+):(%d+):', place)
    if not colon then return 0 end
    if tonumber(sequence) > compared then return found[3] end
    place = colon + 1 + tonumber(length)
  end
end
local time = redis.call('TIME')
local left = tonumber(ARGV[2]) - time[1] * 1000 - math.floor(time[2] / 1000)
if left <= 0 then return 0 end
if ARGV[5] ~= '' and redis.call('GET', KEYS[3]) == ARGV[5] then redis.call('DEL', KEYS[3]) end
redis.call('SET', KEYS[2], ARGV[1], 'PX', string.format('%.0f', left))
return 1
