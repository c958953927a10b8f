-- release: end the holds of a transaction that was rolled back, and stamp nothing.
--
-- KEYS  bucket
-- ARGV  random part of a nonce, layout, token, then names with their kind in front: h tag, k key
-- Returns how many holds were ended.
-- Fails with READONLY, NOFENCE or LAYOUT.

local bucket, token, ended = KEYS[1], ARGV[3], 0
local refused = own(bucket, ARGV[1], ARGV[2])
if refused then return refused end
for place = 4, #ARGV do
  local name = ARGV[place]
  local field = (string.sub(name, 1, 1) == 'k' and 'e' or 'd') .. string.sub(name, 2)
  local kept = ''
  for other, ends in string.gmatch(redis.call('HGET', bucket, field) or '', '([^=;]+)=(%d+);') do
    if other == token then ended = ended + 1 else kept = kept .. other .. '=' .. ends .. ';' end
  end
  if kept == '' then redis.call('HDEL', bucket, field) else redis.call('HSET', bucket, field, kept) end
end
return ended
