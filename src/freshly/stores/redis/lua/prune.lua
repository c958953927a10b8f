-- prune: forget stamps up to a sequence, and make invalid what carries an older stamp.
--
-- KEYS  bucket
-- ARGV  nonce, the sequence f, then fields that were found to be h, k or s stamps up to f
-- Returns how many fields were dropped; 0 and no change if the bucket is another one than it was, or f
-- lies in its future: the floor of a new bucket would be ahead of its sequence.
-- The floor rises in the same step in which the stamps go.

local bucket, f = KEYS[1], tonumber(ARGV[2])
local refused, fence = identity()
if refused then return refused end
local found = redis.call('HMGET', bucket, '!', '@', '#', '_')
if found[1] ~= ARGV[1] or found[2] ~= fence or f > tonumber(found[3]) then return 0 end
if f > tonumber(found[4]) then redis.call('HSET', bucket, '_', whole(f)) end
local dropped = 0
for place = 3, #ARGV do
  local stamp = tonumber(redis.call('HGET', bucket, ARGV[place]) or '')
  if stamp and stamp <= f then dropped = dropped + redis.call('HDEL', bucket, ARGV[place]) end
end
return dropped
