-- own: the head of every script that writes. Not a script of its own.
--
-- own(bucket, random, layout) returns a refusal or nil, then fence and server time in milliseconds. If
-- there is no refusal the bucket belongs to the primary that runs this: it was left as it is if it did,
-- and made anew if it was absent or another's. A new bucket has a nonce that no execution ever made
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

local function begin(bucket, nonce, fence, layout, now)
  local max_hold = tonumber(string.match(layout, '(%d+)$'))
  redis.call('HSET', bucket, '!', nonce, '@', fence, '#', '0', '_', '0', '%', layout,
    '^', whole(now + max_hold), '~', '0:0:0:' .. whole(now))
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
  if not found[1] or found[2] ~= fence then
    redis.call('DEL', bucket)
    begin(bucket, random .. '.' .. time[1] .. string.format('%06d', time[2]), fence, layout, now)
  end
  return nil, fence, now, version
end

local function publish(channel, nonce, sequence, kind, names)
  local message = cmsgpack.pack({ nonce, sequence, kind, unpack(names) })
  local heard = redis.pcall('SPUBLISH', channel, message)
  if type(heard) ~= 'number' then heard = redis.pcall('PUBLISH', channel, message) end
  -- A message that nobody gets costs promptness and nothing else, so its failure is reported only.
  return type(heard) == 'number' and heard or -1
end
