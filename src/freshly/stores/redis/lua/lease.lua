-- lease: prolong a lease, or end it, if it is still the caller's.
--
-- KEYS  lease
-- ARGV  token of the claim, for how many ms from now: 0 ends it
-- Returns 1 if it was the caller's, and 0 if it had run out or is another's by now.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then redis.call('DEL', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
