-- The event log: where a listener stands in it and what it missed.

-- The newest entry's id; that of the last one there was when all are deleted.
local function newest(name)
    if not holds(name, 'stream') then
        return '0-0'
    end

    local entry = call('XREVRANGE', name, '+', '-', 'COUNT', 1)[1]

    if entry then
        return entry[1]
    end

    local info = call('XINFO', 'STREAM', name)

    for i = 1, #info, 2 do
        if info[i] == 'last-generated-id' then
            return info[i + 1]
        end
    end
end


-- Whether the stream still has the entry.  An id too large for Redis is none.
local function is_entry(name, id)
    if not holds(name, 'stream') then
        return false
    end

    local found = redis.pcall('XRANGE', name, id, id, 'COUNT', 1)

    return not found.err and #found == 1
end


local function log_open(account, since, ...)
    local name = key(account, 'log')

    for _, id in ipairs({...}) do
        if not is_listed(read_address(account, id)) then
            return {'NOT_FOUND'}
        end
    end

    local last = newest(name)

    if since == '0' then
        return {'OK', '0-0', last, 0}
    end

    if since == '' or since == last or is_entry(name, since) then
        return {'OK', since == '' and last or since, last, 0}
    end

    return {'OK', last, last, 1}
end


-- key, cursor ('': the newest, 0: the oldest), address ids -> OK, the entry to
-- read on from, the newest entry, 1 when the cursor is not known (then the
-- first is the newest) or 0 · NOT_FOUND (an address)
define_api('jm_log_open', {'no-writes'}, 'emails:read', {'cursor', 'uuid*'},
    log_open)


-- Milliseconds until a key for reading expires, 0 if it never does, -1 if it is
-- no longer good.
local function key_left(account, hash, at)
    if refusal(account, hash, 'emails:read', at) then
        return -1
    end

    local expires = tonumber(call('HGET', key(account, 'key', hash), 'expires'))

    return expires ~= 0 and expires - at or 0
end


local function log_check(account, since, ...)
    local at = now()
    local _, _, last, reset = unpack(log_open(account, since))
    local reply = {'OK', last, reset}

    for _, hash in ipairs({...}) do
        reply[#reply + 1] = hash
        reply[#reply + 1] = key_left(account, hash, at)
    end

    return reply
end


-- cursor (as above), hashes of keys -> OK, the newest entry, 1 when the cursor
-- is not known or 0, and of each key: its hash, ms left (0: it does not expire,
-- -1: no longer good).  For those who listen already.
define('jm_log_check', {'no-writes'}, 'account', {'cursor', 'hash*'}, log_check)


-- What came in after an email, oldest first, and where the log is now, so that
-- whoever waits for more misses nothing in between.
local function email_after(account, address_id, after)
    local read = mail_reader(account, now())
    local where = address_id == '' and 'all' or address_id
    local reply = {'OK', newest(key(account, 'log'))}

    if address_id ~= '' and not is_listed(read_address(account, address_id))
    then
        return {'NOT_FOUND'}
    end

    local ids = after == '' and {}
        or call('ZRANGE', index(account, where, 'inbox'), '(' .. after, '+',
            'BYLEX', 'LIMIT', 0, NAMED)

    for _, id in ipairs(ids) do
        local mail = read(id)

        if mail then
            reply[#reply + 1] = '{' .. list_head(mail) .. '}'
        end
    end

    return reply
end


-- key, address id or '', email id or '' -> OK, the log's newest entry, JSON of
-- each (at most 100; without the id, of none) · NOT_FOUND (address)
define_api('jm_email_after', {'no-writes'}, 'emails:read',
    {'any_uuid', 'any_uuid'}, email_after)
