-- own: the head of every script that writes. Not a script of its own.
--
-- own(bucket, random, layout) returns a refusal or nil, then fence and server time in milliseconds. If
-- there is no refusal the bucket belongs to the primary that runs this: it was left as it is if it did,
-- and made anew if it was absent, another's or damaged. A new bucket has a nonce that no execution ever made
-- before, also not this call when it is sent twice.
--
-- INFO says who this server is. A client that said so could be wrong, and two of them could each make the
-- bucket anew in turns, for ever.

local function milliseconds(time)
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function whole(number)
  return string.format('%.0f', number)
end

local function identity()
  local server = redis.pcall('INFO', 'server')
  local replication = redis.pcall('INFO', 'replication')
  if type(server) ~= 'string' or type(replication) ~= 'string' then
    return { err = 'NOFENCE this user may not run INFO in scripts' }
  end
  if string.match(replication, 'role:(%a+)') ~= 'master' then
    return { err = 'READONLY this server is no primary' }
  end
  local run = string.match(server, 'run_id:(%x+)')
  local replid = string.match(replication, 'master_replid:(%x+)')
  return nil, run .. '.' .. replid, string.match(server, 'redis_version:([%d.]+)')
end

-- Twelve letters, since every entry carries them: 72 bits of a SHA-1. Two executions are two nonces: each
-- call has 72 random bits of its own, and the same call sent twice is run at two times. Of a million
-- buckets of one name, made within the life of an entry, two are alike once in 10^10.
local LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

local function new_nonce(random, time)
  local digest = redis.sha1hex(random .. '.' .. time[1] .. '.' .. time[2])
  return (string.gsub(string.sub(digest, 1, 18), '%x%x%x', function(three)
    local high, low = math.floor(tonumber(three, 16) / 64) + 1, tonumber(three, 16) % 64 + 1
    return string.sub(LETTERS, high, high) .. string.sub(LETTERS, low, low)
  end))
end

local function begin(bucket, nonce, fence, layout, now)
  local max_hold = tonumber(string.match(layout, '(%d+)$'))
  redis.call('HSET', bucket, '!', nonce, '@', fence, '#', '0', '_', '0', '%', layout,
    '^', whole(now + max_hold), '~', '0:0:0:' .. whole(now))
end

-- A number as we write it. Others fit into no integer of ours, or are none.
local function is_number(text)
  return text and #text <= 15 and string.find(text, '^%d+$') ~= nil
end

local function are_patterns(packed)
  local place = 1
  while place <= #packed do
    local _, colon, sequence, length = string.find(packed, '^(%d+):(%d+):', place)
    if not colon or not is_number(sequence) or not is_number(length) then return false end
    place = colon + 1 + tonumber(length)
  end
  return place == #packed + 1
end

-- What is not as we write it was written by somebody else, and says nothing of what was invalidated.
local function is_sound(bucket)
  local found = redis.call('HMGET', bucket, '#', '_', '^', 'D', '~', '*')
  return is_number(found[1]) and is_number(found[2]) and is_number(found[3])
    and (not found[4] or is_number(found[4]))
    and (not found[5] or string.find(found[5], '^%d+:%d+:%d+:%d+$'))
    and (not found[6] or are_patterns(found[6]))
end

local function own(bucket, random, layout)
  local refused, fence, version = identity()
  if refused then return refused end
  local time = redis.call('TIME')
  local now = milliseconds(time)
  local found = redis.call('HMGET', bucket, '!', '@', '%')
  if found[3] and found[3] ~= layout then
    return { err = 'LAYOUT ' .. found[3] }
  end
  if not found[1] or found[2] ~= fence or not is_sound(bucket) then
    redis.call('DEL', bucket)
    begin(bucket, new_nonce(random, time), fence, layout, now)
  end
  return nil, fence, now, version
end

-- The channel is named like the bucket, and stands among no keys: while its slot moves to another node of
-- a cluster, a call is refused that names a key which is not there.
local function publish(bucket, nonce, sequence, kind, names)
  local channel = string.sub(bucket, 1, -2) .. 'c'
  local message = cmsgpack.pack({ nonce, sequence, kind, unpack(names) })
  local heard = redis.pcall('SPUBLISH', channel, message)
  if type(heard) ~= 'number' then heard = redis.pcall('PUBLISH', channel, message) end
  -- A message that nobody gets costs promptness and nothing else, so its failure is reported only.
  return type(heard) == 'number' and heard or -1
end
