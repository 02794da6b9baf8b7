-- What is due: lists of what is to expire, and the steps by which the reaper
-- (reaper.c) purges it.

-- member, when -> OK.  As ZADD, but also when Redis is full: what frees memory
-- must not wait for memory.
define('jm_due_add', {'allow-oom'}, 'expire', {'member', 'due'},
    function(shard, member, due)
        local name = 'jm:expire:' .. shard

        holds(name, 'zset')
        call('ZADD', name, due, member)

        return {'OK'}
    end)


-- member, when it was due, when it is due again or '' -> OK.  Changes nothing
-- if something else was asked for in the meantime.
define('jm_due_done', {'allow-oom'}, 'expire', {'member', 'due', 'any_due'},
    function(shard, member, seen, again)
        local name = 'jm:expire:' .. shard
        local score = holds(name, 'zset') and call('ZSCORE', name, member)

        if score and tonumber(score) == tonumber(seen) then
            if again == '' then
                call('ZREM', name, member)
            else
                call('ZADD', name, again, member)
            end
        end

        return {'OK'}
    end)


local function address_due(account, id)
    local a = read_account(account)
    local address = read_address(account, id)
    local at = now()

    if not address then
        return {'GONE'}
    end

    if address.state == 'pending' then
        local limit = address.created + PENDING

        if limit > at then
            return {'WAIT', address.address, limit}
        end

        return {'PENDING', address.address}
    end

    if address.state == 'deleted' or not a or a.state ~= 'active' then
        return {'DELETED', address.address}
    end

    -- Whoever deletes it, or gives it an end, tells the reaper afterwards, and
    -- may die before that.
    if address.expires == 0 then
        return {'WAIT', address.address, at + DAY}
    end

    if address.expires > at then
        return {
            (address.renew or '') == '' and 'WAIT' or 'RENEW',
            address.address, address.expires
        }
    end

    if address.state ~= 'expired' then
        check_indexes(account, id)
        check_log(account)
        wake(account, address_end(account, a, address, 'expired', at))
    end

    local forget = address.expires + ROUTE_MEMORY

    return {forget > at and 'EXPIRED' or 'OVER', address.address, forget}
end


-- address id -> what is to be done now (a word), the address, and a time:
--   GONE     there is none (nothing follows)
--   WAIT     nothing, until that time
--   RENEW    its expiry was changed: renew its mail's TTLs, then the same
--   PENDING  it was never confirmed: free its route, drop it
--   EXPIRED  purge its mail, come back at that time
--   OVER     the same, and that time has come: free its route, forget it
--   DELETED  purge its mail, keep the route for its owner, forget it
-- Tells the account when it expires one.
define('jm_address_due', {'allow-oom'}, 'account', {'uuid'}, address_due)


-- The address's next emails after `after`, in the bin or not: whichever way
-- one is moved meanwhile, it is in one of them.
local function next_ids(account, id, after, limit)
    local ids = {}

    for _, view in ipairs({'inbox', 'bin'}) do
        for _, mail_id in ipairs(call('ZRANGE', index(account, id, view),
            '(' .. after, '+', 'BYLEX', 'LIMIT', 0, limit))
        do
            ids[#ids + 1] = mail_id
        end
    end

    table.sort(ids)

    for i = limit + 1, #ids do
        ids[i] = nil
    end

    return ids
end


local function address_renew(account, id, limit)
    local address = read_address(account, id)

    if not address or (address.renew or '') == ''
        or not is_live(address, now())
    then
        return {'OK', 0}
    end

    check_indexes(account, id)
    limit = tonumber(limit)

    local ids = next_ids(account, id, address.renew, limit)

    for _, mail_id in ipairs(ids) do
        local mail = {id = mail_id, key = key(account, 'mail', mail_id)}

        holds(mail.key, 'hash')
        ids[mail_id] = keys_of(account, mail)
    end

    for _, mail_id in ipairs(ids) do
        for _, name in ipairs(ids[mail_id]) do
            call('PEXPIREAT', name, int(address.expires + EXPIRY_NET))
        end
    end

    local more = #ids == limit

    call('HSET', address.key, 'renew', more and ids[#ids] or '')

    return {'OK', more and 1 or 0}
end


-- address id, most emails to touch (500) -> OK, 1 when there are more
define('jm_address_renew', {'allow-oom'}, 'account', {'uuid', 'slice'},
    address_renew)


-- An address whose mail may be purged: the owner sees none of it any more.
local function is_over(a, address)
    return address.state == 'deleted' or address.state == 'expired'
        or not a or a.state == 'deleted'
end


-- Some of the address's ids, in the inbox and in the bin, and how many there
-- are in all.
local function some_ids(account, id, limit)
    local ids, left = {}, 0

    for _, view in ipairs({'inbox', 'bin'}) do
        local name = index(account, id, view)

        left = left + call('ZCARD', name)

        for _, mail_id in ipairs(call('ZRANGE', name, 0,
            limit - #ids - 1))
        do
            ids[#ids + 1] = mail_id
        end

        if #ids >= limit then
            limit = 0
        end
    end

    return ids, left
end


-- An email whose hash Redis's own TTL took away still stands in the indexes
-- and is still counted.
local function remove_lost(account, a, address, id)
    call('ZREM', key(account, 'binned'), id)

    for _, view in ipairs(VIEWS) do
        call('ZREM', index(account, 'all', view), id)
        call('ZREM', index(account, address.id, view), id)
    end

    if a then
        a.emails = a.emails - 1
    end
end


local function address_purge(account, id, limit)
    local a = read_account(account)
    local address = read_address(account, id)

    if not address or not is_over(a, address) then
        return {'OK', 0}
    end

    check_indexes(account, id)
    check_log(account)

    local ids, left = some_ids(account, id, tonumber(limit))
    local mails = {}

    for i, mail_id in ipairs(ids) do
        mails[i] = read_mail(account, mail_id) or false
    end

    for i, mail in ipairs(mails) do
        if mail then
            remove_mail(account, a, address, mail)
        else
            remove_lost(account, a, address, ids[i])
        end
    end

    if #ids == left then
        -- What lost emails had weighed.
        if a then
            a.bytes = a.bytes - address.bytes
        end
        address.total, address.unread, address.bytes = 0, 0, 0
    end

    write_numbers(address, 'total', 'unread', 'bytes')
    if a then
        write_numbers(a, 'emails', 'bytes')
    end

    return {'OK', left - #ids}
end


-- address id, most emails to remove (500) -> OK, how many are left
define('jm_address_purge', {'allow-oom'}, 'account', {'uuid', 'slice'},
    address_purge)


local function address_forget(account, id)
    local address = read_address(account, id)
    local a = read_account(account)
    local addrs = key(account, 'addrs')

    holds(addrs, 'zset')
    check_indexes(account, id)

    if address and is_over(a, address)
        and not call('ZRANGE', index(account, id, 'inbox'), 0, 0)[1]
        and not call('ZRANGE', index(account, id, 'bin'), 0, 0)[1]
    then
        call('ZREM', addrs, id)
        call('UNLINK', address.key)
    end

    return {'OK'}
end


-- address id -> OK.  Removes the record of one whose mail is purged.
define('jm_address_forget', {'allow-oom'}, 'account', {'uuid'}, address_forget)


local function route_release(address, account, id, owner, keep)
    local name = 'jm:route:{' .. address .. '}'
    local route = read_hash(name, {'account', 'id'})

    if not route or route.account ~= account or route.id ~= id then
        return {'OK'}
    end

    call('DEL', name)

    if keep == '1' then
        call('HSET', name, 'owner', owner)
        call('PEXPIRE', name, ROUTE_MEMORY)
    end

    return {'OK'}
end


-- account, address id, hex SHA-256 of the account, keep 0/1 -> OK.  Frees a
-- route that still leads to that address, for all or for its owner only.
define('jm_route_release', {'allow-oom'}, 'route',
    {'account', 'uuid', 'hash', 'bit'}, route_release)


-- The emails with these ids, each with its address; what is not there any more
-- only leaves the list of the bin.
local function binned_mails(account, ids)
    local mails, addresses = {}, {}

    for _, id in ipairs(ids) do
        local mail = read_mail(account, id)

        if mail and not addresses[mail.addr] then
            addresses[mail.addr] = read_address(account, mail.addr)
            check_indexes(account, mail.addr)
        end

        if mail and addresses[mail.addr] then
            mail.address = addresses[mail.addr]
            mails[#mails + 1] = mail
        end
    end

    return mails
end


-- Removes for good what has been in the bin since before `before`, at most
-- `limit` of it, with one event for each address; how many there were.
local function empty_bin(account, a, before, limit)
    local binned = key(account, 'binned')
    local ids = holds(binned, 'zset')
        and call('ZRANGEBYSCORE', binned, '-inf', int(before), 'LIMIT', 0,
            limit) or {}
    local removed = {}
    local entry

    check_log(account)

    local mails = binned_mails(account, ids)

    for _, id in ipairs(ids) do
        call('ZREM', binned, id)
    end

    for _, mail in ipairs(mails) do
        remove_mail(account, a, mail.address, mail)
        write_numbers(mail.address, 'total', 'unread', 'bytes')
        removed[mail.addr] = removed[mail.addr] or {}
        table.insert(removed[mail.addr], mail.id)
    end

    write_numbers(a, 'emails', 'bytes')

    for address_id, of_address in pairs(removed) do
        entry = log(account, address_id, 'email.deleted', now(),
            '{"ids":["' .. table.concat(of_address, '","')
                .. '"],"addressId":"' .. address_id .. '"}')
    end

    if entry then
        wake(account, entry)
    end

    return #ids
end


local function account_due(account, bin_days, idle_days, limit)
    local a = read_account(account)
    local at = now()

    if not a then
        return {'GONE'}
    end

    if a.state == 'deleted' then
        return {'DELETED'}
    end

    local seen = tonumber(call('HGET', a.key, 'seen')) or at
    local addrs = key(account, 'addrs')

    if idle_days ~= '0' and seen + idle_days * DAY <= at
        and not (holds(addrs, 'zset') and call('ZCARD', addrs) > 0)
    then
        call('HSET', a.key, 'state', 'deleted')
        wake(account, 'gone')

        return {'DELETED'}
    end

    limit = tonumber(limit)

    if bin_days ~= '0'
        and empty_bin(account, a, at - bin_days * DAY, limit) == limit
    then
        return {'MORE'}
    end

    return {'WAIT', at + DAY}
end


-- days after which the bin is emptied (0: never), days of silence after which
-- an account without addresses is removed (0: never), most emails to remove
-- (500) -> a word, and a time:
--   GONE     there is none (nothing follows)
--   DELETED  it is to be purged
--   MORE     of its bin: to be called again
--   WAIT     nothing, until that time
define('jm_account_due', {'allow-oom'}, 'account', {'days', 'days', 'slice'},
    account_due)


local function account_purge(account)
    local a = read_account(account)
    local addrs = key(account, 'addrs')
    local keys = key(account, 'keys')
    local has_keys = holds(keys, 'set')
    local left = holds(addrs, 'zset') and call('ZCARD', addrs) or 0

    if not a then
        return {'OK', 0}
    end

    if a.state ~= 'deleted' then
        return {'ACTIVE'}
    end

    if left > 0 then
        return {'OK', left}
    end

    for _, hash in ipairs(has_keys and call('SMEMBERS', keys) or {}) do
        call('UNLINK', key(account, 'key', hash))
    end

    for _, view in ipairs(VIEWS) do
        call('UNLINK', index(account, 'all', view))
    end

    call('UNLINK', keys, key(account, 'log'), key(account, 'binned'), a.key)

    return {'OK', 0}
end


-- -> OK, number of addresses that must be purged and forgotten first (0: the
-- account is no more) · ACTIVE (it is not deleted)
define('jm_account_purge', {'allow-oom'}, 'account', {}, account_purge)
