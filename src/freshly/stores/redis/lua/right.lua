-- right: take, renew or release the right that KEYS[1] stands for.
--
-- ARGV  token, seconds in ms, verb
-- Returns for take: -1 if the token has it now, else in how many ms it runs out; for renew and release
-- whether the token had it.

local holder = redis.call('GET', KEYS[1])
if ARGV[3] == 'take' then
  if holder and holder ~= ARGV[1] then return math.max(redis.call('PTTL', KEYS[1]), 1) end
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return -1
end
if holder ~= ARGV[1] then return 0 end
if ARGV[3] == 'renew' then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
else
  redis.call('DEL', KEYS[1])
end
return 1
