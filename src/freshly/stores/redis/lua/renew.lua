-- renew: keep an entry that was read for longer, if it is still the one that was read.
--
-- KEYS  value
-- ARGV  how the entry begins (kind, schema and birth), its bytes as they are to be, when it is dead in ms of the
--       server's clock
-- Returns 1 if it was renewed, 0 if something else lies there or it is dead by now.
--
-- The promise does not need the comparison: the bytes carry their stamps. But a value of a later load, or
-- one set by hand, would be replaced by the older one.

if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then return 0 end
local time = redis.call('TIME')
local left = tonumber(ARGV[3]) - time[1] * 1000 - math.floor(time[2] / 1000)
if left <= 0 then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', string.format('%.0f', left))
return 1
