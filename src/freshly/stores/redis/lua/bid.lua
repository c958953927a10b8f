-- bid: take the leases of keys under which nothing lies.
--
-- KEYS  for each key: value, lease
-- ARGV  for how many ms, then for each key the token of the claim
-- Returns for each key who has its lease now, and nil if something lies under it, or no lease can be given.
-- Sent twice it says the same: the token that took the lease has it.
--
-- The question whether something lies there is in here, so that no lease is left behind where a read is served.

local holders = {}
for place = 1, #KEYS / 2 do
  local value, lease, token = KEYS[2 * place - 1], KEYS[2 * place], ARGV[place + 1]
  holders[place] = false
  -- A user who may not ask, or a full server, gets no lease. What else is told in the batch counts all the same.
  if redis.pcall('EXISTS', value) == 0 then
    local taken = redis.pcall('SET', lease, token, 'NX', 'PX', ARGV[1])
    if not (taken and taken.err) then holders[place] = redis.call('GET', lease) end
  end
end
return holders
