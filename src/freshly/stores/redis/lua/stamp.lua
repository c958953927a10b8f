-- stamp: advance the sequence and write it at names: invalidate, mark stale, delete, set by hand, hold.
--
-- KEYS  bucket
-- ARGV  random part of a nonce, layout, max_ttl in ms, token of a transaction or '', hold in ms,
--       then names, each with its kind in front: h tag, s tag marked stale, k key, * pattern of keys
-- Returns {fence, nonce, sequence, floor, the sequence to prune up to, who heard,
--          {for each name its stamp before this call, or nil}}.
-- Fails with READONLY, NOFENCE or LAYOUT; then nothing was written.
-- Running it twice stamps twice, which costs a load and breaks nothing.
--
-- With a token and a hold, what is loaded for the names until then is not to be stored; with a token and
-- no hold, the token's own hold ends.

local MOST_PATTERNS = 64

local bucket = KEYS[1]
local refused, fence, now = own(bucket, ARGV[1], ARGV[2])
if refused then return refused end
local max_ttl, token, hold = tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local sequence = redis.call('HINCRBY', bucket, '#', 1)
local nonce = redis.call('HGET', bucket, '!')

local function add_pattern(pattern)
  local kept, count = redis.call('HGET', bucket, '*') or '', 0
  kept = kept .. sequence .. ':' .. #pattern .. ':' .. pattern
  local place = 1
  local starts = {}
  while place <= #kept do
    local _, colon, number, length = string.find(kept, '^(%d+):(%d+):', place)
    count = count + 1
    starts[count] = { place, tonumber(number) }
    place = colon + 1 + tonumber(length)
  end
  if count > MOST_PATTERNS then
    -- What is forgotten here has to be invalid, whatever its key.
    local floor = tonumber(redis.call('HGET', bucket, '_'))
    local forgotten = starts[count - MOST_PATTERNS][2]
    if forgotten > floor then redis.call('HSET', bucket, '_', whole(forgotten)) end
    kept = string.sub(kept, starts[count - MOST_PATTERNS + 1][1])
  end
  redis.call('HSET', bucket, '*', kept)
end

local function without_token(packed)
  local kept = ''
  for other, ends in string.gmatch(packed or '', '([^=;]+)=(%d+);') do
    if other ~= token and tonumber(ends) > now then kept = kept .. other .. '=' .. ends .. ';' end
  end
  return kept
end

local function set_hold(name)
  local field = (string.sub(name, 1, 1) == 'k' and 'e' or 'd') .. string.sub(name, 2)
  local kept = without_token(redis.call('HGET', bucket, field))
  if hold > 0 then
    kept = kept .. token .. '=' .. whole(now + hold) .. ';'
    local latest = tonumber(redis.call('HGET', bucket, 'D') or '0')
    if now + hold > latest then redis.call('HSET', bucket, 'D', whole(now + hold)) end
  end
  if kept == '' then redis.call('HDEL', bucket, field) else redis.call('HSET', bucket, field, kept) end
end

local before = {}
for place = 6, #ARGV do
  local name = ARGV[place]
  if string.sub(name, 1, 1) == '*' then
    before[place - 5] = false
    add_pattern(string.sub(name, 2))
  else
    before[place - 5] = redis.call('HGET', bucket, name)
    redis.call('HSET', bucket, name, sequence)
    if token ~= '' then set_hold(name) end
  end
end

-- Of two readings of the sequence that are max_ttl apart, everything up to the older one is dead.
local rolled = redis.call('HGET', bucket, '~') or '0:0:0:0'
local previous, since, current, current_ms = string.match(rolled, '(%d+):(%d+):(%d+):(%d+)')
if now - tonumber(current_ms) > max_ttl then
  previous, since = current, current_ms
  redis.call('HSET', bucket, '~', previous .. ':' .. since .. ':' .. sequence .. ':' .. whole(now))
end

local floor = redis.call('HGET', bucket, '_')
local heard = publish(bucket, nonce, sequence, 'stamp', { unpack(ARGV, 6) })
return { fence, nonce, sequence, floor, previous, heard, before }
