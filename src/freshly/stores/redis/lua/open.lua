-- open: make sure that the bucket exists and is this primary's, and tell what it holds.
--
-- KEYS  bucket
-- ARGV  random part of a nonce, layout, then fields
-- Returns {fence, version of the server, TIME in ms, HMGET of the fields}.
-- Fails with READONLY, NOFENCE or LAYOUT.
-- Writes only if the bucket is absent, damaged or another primary's, so it runs where writing is not possible.

local refused, fence, now, version = own(KEYS[1], ARGV[1], ARGV[2])
if refused then return refused end
return { fence, version, whole(now), redis.call('HMGET', KEYS[1], unpack(ARGV, 3)) }
