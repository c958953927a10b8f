-- clear: make everything stamped in the bucket invalid. The entries go when their time is over.
--
-- KEYS  bucket
-- ARGV  random part of a nonce, layout
-- Returns {fence, nonce, sequence}.
-- Fails with READONLY, NOFENCE or LAYOUT.
-- Takes the same time whatever there is, unless holds are on: they outlive it, and have to be found.

local bucket = KEYS[1]
local refused, fence, now = own(bucket, ARGV[1], ARGV[2])
if refused then return refused end
local found = redis.call('HMGET', bucket, '#', '^', 'D')
local sequence = tonumber(found[1]) + 1
local kept = {}
if found[3] and tonumber(found[3]) > now then
  local all = redis.call('HGETALL', bucket)
  for place = 1, #all, 2 do
    local kind = string.sub(all[place], 1, 1)
    if kind == 'd' or kind == 'e' or all[place] == 'D' then
      kept[#kept + 1] = all[place]
      kept[#kept + 1] = all[place + 1]
    end
  end
end
local nonce = new_nonce(ARGV[1], redis.call('TIME'))
redis.call('UNLINK', bucket)
begin(bucket, nonce, fence, ARGV[2], now)
redis.call('HSET', bucket, '#', whole(sequence), '^', found[2])
for place = 1, #kept, 2 do redis.call('HSET', bucket, kept[place], kept[place + 1]) end
publish(bucket, nonce, sequence, 'clear', {})
return { fence, nonce, sequence }
