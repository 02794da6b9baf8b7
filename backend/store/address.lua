-- Addresses: reserved in the account, claimed by a route, confirmed; listed,
-- changed and ended; and what a recipient is told.

-- Another address of the account that has the same text and is in use: the
-- route cannot tell, since an expired one's may be claimed again.
local function is_taken(account, address, at)
    for _, id in ipairs(call('ZRANGE', key(account, 'addrs'), 0, -1)) do
        local other = read_address(account, id)

        if other and other.address == address and is_live(other, at) then
            return true
        end
    end

    return false
end


local function address_reserve(account, id, address, alias, seconds)
    local name = key(account, 'addr', id)
    local at = now()
    local expires = tonumber(seconds) * SECOND

    if holds(name, 'hash') then
        fail('address ' .. id .. ' exists')
    end

    holds(key(account, 'addrs'), 'zset')

    if is_taken(account, address, at) then
        return {'ALIAS_TAKEN'}
    end

    call('HSET', name, 'address', address, 'alias', alias, 'state', 'pending',
        'created', int(at), 'expires', int(expires > 0 and at + expires or 0),
        'total', 0, 'unread', 0, 'bytes', 0)
    call('PEXPIRE', name, PENDING_NET)

    return {'OK'}
end


local function address_create(account, ...)
    local a = read_account(account)
    local addrs = key(account, 'addrs')

    -- Those held for a domain are the operator's doing, not the account's.
    if a.addresses - a.held >= a.maxAddresses
        or (holds(addrs, 'zset')
            and call('ZCARD', addrs) >= a.maxAddresses * KEPT_ADDRESSES)
    then
        return {'QUOTA_EXCEEDED'}
    end

    return address_reserve(account, ...)
end


-- key, new id, address, alias, seconds to live (0: for ever)
-- -> OK · QUOTA_EXCEEDED · ALIAS_TAKEN (by another one of the account).
-- First of three steps: then the caller adds `address:<A>:<id>` to what is due
-- in a minute, claims the route and confirms.  If it dies in between, the
-- reaper finds the address pending and undoes it.
define_api('jm_address_create', {}, 'emails:write',
    {'uuid', 'address', 'alias', 'seconds'}, address_create)


-- The account's address of that text that has no end; nil when there is none.
local function find_lasting(account, address, at)
    for _, id in ipairs(call('ZRANGE', key(account, 'addrs'), 0, -1)) do
        local other = read_address(account, id)

        if other and other.address == address and other.expires == 0
            and is_live(other, at)
        then
            return other
        end
    end
end


local function address_hold(account, id, text, alias)
    local a = read_account(account)
    local addrs = key(account, 'addrs')
    local at = now()

    if not a or a.state ~= 'active' then
        return {'NOT_FOUND'}
    end

    holds(addrs, 'zset')
    check_log(account)

    if holds(key(account, 'addr', id), 'hash') then
        fail('address ' .. id .. ' exists')
    end

    local old = find_lasting(account, text, at)

    if old and old.held == '1' then
        return {'OK', old.id}
    end

    local address = old or {
        key = key(account, 'addr', id), id = id, address = text,
        alias = alias, created = at, expires = 0, total = 0, unread = 0,
        bytes = 0
    }

    address.state = 'active'
    call('HSET', address.key, 'state', 'active', 'held', 1)
    a.held = a.held + 1

    if not old then
        call('HSET', address.key, 'address', text, 'alias', alias,
            'created', int(at), 'expires', 0, 'total', 0, 'unread', 0,
            'bytes', 0)
        call('ZADD', addrs, 0, id)
        a.addresses = a.addresses + 1
    end

    write_numbers(a, 'held', 'addresses')
    wake(account, log(account, address.id,
        old and 'address.updated' or 'address.created', at,
        address_json(address, at)))

    return {'OK', address.id}
end


-- new id, address, alias -> OK, its id · NOT_FOUND (account).  Sees to it that
-- the account has that address for a domain's mail to go to: no quota, no
-- expiry, no route.
define('jm_address_hold', {}, 'account', {'uuid', 'address', 'alias'},
    address_hold)


local function address_unhold(account, id)
    local a = read_account(account)
    local address = read_address(account, id)
    local at = now()

    if not a or not address or address.held ~= '1' then
        return {'OK'}
    end

    check_log(account)

    address.state = 'stopped'
    a.held = a.held - 1
    call('HSET', address.key, 'state', 'stopped', 'held', 0)
    write_numbers(a, 'held')
    wake(account, log(account, id, 'address.updated', at,
        address_json(address, at)))

    return {'OK'}
end


-- address id -> OK.  The domain's mail goes elsewhere now; what is there
-- stays, and its owner may delete it.
define('jm_address_unhold', {}, 'account', {'uuid'}, address_unhold)


local function route_claim(address, account, id, owner)
    local name = 'jm:route:{' .. address .. '}'
    local route = read_hash(name, {'account', 'id', 'claimed', 'owner'})
    local at = now()

    if route then
        if route.account == account and route.id == id then
            return {'OK'}
        end

        -- A claim of the same account is taken over when it is old: its
        -- address was live no more when jm_address_create looked.  A fresh
        -- one may be of a request that runs at the same time.
        local claimed = tonumber(route.claimed) or at
        local mine = route.account == account and claimed + PENDING <= at

        if not mine and route.owner ~= owner then
            return {'ALIAS_TAKEN'}
        end
    end

    call('DEL', name)
    call('HSET', name, 'account', account, 'id', id, 'claimed', int(at))

    return {'OK'}
end


-- account, address id, hex SHA-256 of the account -> OK · ALIAS_TAKEN
define('jm_route_claim', {}, 'route', {'account', 'uuid', 'hash'}, route_claim)


local function address_confirm(account, id)
    local a = read_account(account)
    local address = read_address(account, id)
    local at = now()

    if not a or a.state ~= 'active' or not address
        or address.state == 'deleted' or address.state == 'expired'
    then
        return {'NOT_FOUND'}
    end

    if address.state ~= 'pending' then
        return {'OK', address_json(address, at)}
    end

    -- The reaper may be freeing its route already.
    if address.created + PENDING <= at then
        return {'NOT_FOUND'}
    end

    holds(key(account, 'addrs'), 'zset')
    check_log(account)

    address.state = 'active'
    a.addresses = a.addresses + 1

    local json = address_json(address, at)

    call('HSET', address.key, 'state', 'active')
    call('PERSIST', address.key)
    call('ZADD', key(account, 'addrs'), 0, id)
    write_numbers(a, 'addresses')
    wake(account, log(account, id, 'address.created', at, json))

    return {'OK', json}
end


-- address id -> OK, JSON · NOT_FOUND (or too late).  A repeat changes nothing.
define('jm_address_confirm', {}, 'account', {'uuid'}, address_confirm)


local function address_drop(account, id)
    local address = read_address(account, id)

    if address and address.state == 'pending' then
        call('UNLINK', address.key)
    end

    return {'OK'}
end


-- address id -> OK.  Forgets one that was never confirmed.
define('jm_address_drop', {'allow-oom'}, 'account', {'uuid'}, address_drop)


local function has_status(address, status, at)
    if status == 'expired' then
        return is_expired(address, at)
    end

    return address.state == 'active' and not is_expired(address, at)
end


local function address_list(account, status, limit, offset)
    local addrs = key(account, 'addrs')
    local reply = {'OK', 0}
    local first, last = tonumber(offset), tonumber(offset) + tonumber(limit)
    local at = now()
    local total = 0

    if not holds(addrs, 'zset') then
        return reply
    end

    for _, id in ipairs(call('ZRANGE', addrs, 0, -1, 'REV')) do
        local address = read_address(account, id)

        if is_listed(address)
            and (status == '' or has_status(address, status, at))
        then
            if total >= first and total < last then
                reply[#reply + 1] = address_json(address, at)
            end

            total = total + 1
        end
    end

    reply[2] = total

    return reply
end


-- key, status ('', active, expired), limit, offset
-- -> OK, total, JSON of each, newest first
define_api('jm_address_list', {'no-writes'}, 'emails:read',
    {'status', 'limit', 'offset'}, address_list)


local function address_get(account, id)
    local address = read_address(account, id)

    if not is_listed(address) then
        return {'NOT_FOUND'}
    end

    return {'OK', address_json(address, now())}
end


-- key, address id -> OK, JSON · NOT_FOUND
define_api('jm_address_get', {'no-writes'}, 'emails:read', {'uuid'},
    address_get)


-- Ends an address: its mail is seen no more, it frees its place in the quota.
local function address_end(account, a, address, state, at)
    local counted = address.state == 'active' or address.state == 'stopped'

    address.state = state
    call('HSET', address.key, 'state', state)
    hide_mail(account, address.id)

    if a and counted then
        a.addresses = a.addresses - 1
        write_numbers(a, 'addresses')
    end

    return log(account, address.id, 'address.' .. state, at,
        address_json(address, at))
end


local function address_delete(account, id)
    local a = read_account(account)
    local address = read_address(account, id)

    if not is_listed(address) then
        return {'NOT_FOUND'}
    end

    if address.held == '1' then
        return {'ADDRESS_HELD'}
    end

    holds(key(account, 'addrs'), 'zset')
    check_indexes(account, id)
    check_log(account)

    local entry = address_end(account, a, address, 'deleted', now())

    call('ZREM', key(account, 'addrs'), id)
    wake(account, entry)

    return {'OK'}
end


-- key, address id -> OK · NOT_FOUND · ADDRESS_HELD.  The caller adds
-- `address:<A>:<id>` to what is due; the reaper purges the mail and keeps the
-- alias for its owner.
define_api('jm_address_delete', {'allow-oom'}, 'emails:write', {'uuid'},
    address_delete)


-- Stops, resumes, extends or shortens.  The mail's TTLs, a net only, follow
-- in slices: nothing is lost before them, an hour is between.
local function address_update(account, id, active, seconds)
    local address = read_address(account, id)
    local at = now()

    if not is_listed(address) then
        return {'NOT_FOUND'}
    end

    if is_expired(address, at) then
        return {'ADDRESS_EXPIRED'}
    end

    if address.held == '1' and (active == '0' or seconds ~= '') then
        return {'ADDRESS_HELD'}
    end

    check_log(account)

    local state = ({['0'] = 'stopped', ['1'] = 'active'})[active]
        or address.state
    local expires = seconds == '' and address.expires
        or at + tonumber(seconds) * SECOND
    local changed = expires ~= address.expires

    if not changed and state == address.state then
        return {'OK', address_json(address, at), 0}
    end

    address.state = state
    address.expires = expires
    call('HSET', address.key, 'state', state, 'expires', int(expires))

    if changed then
        call('HSET', address.key, 'renew', '0')
    end

    local json = address_json(address, at)

    wake(account, log(account, id, 'address.updated', at, json))

    return {'OK', json, changed and 1 or 0}
end


-- key, address id, active ('': as it is, 0, 1), seconds to live from now ('':
-- as it is) -> OK, JSON, 1 when the expiry has changed: then the caller makes
-- `address:<A>:<id>` due at once · NOT_FOUND · ADDRESS_EXPIRED · ADDRESS_HELD
define_api('jm_address_update', {}, 'emails:write',
    {'uuid', 'change', 'any_seconds'}, address_update)


local function rcpt_check(account, id)
    local a = read_account(account)
    local address = read_address(account, id)

    if not a or not address or address.state == 'pending' then
        return {'UNKNOWN'}
    end

    if a.state ~= 'active' or not is_live(address, now()) then
        return {'EXPIRED'}
    end

    if address.state == 'stopped' then
        return {'STOPPED'}
    end

    if a.emails >= a.maxEmails or a.bytes >= a.maxBytes
        or (a.maxAddressEmails > 0 and address.total >= a.maxAddressEmails)
        or (a.maxAddressBytes > 0 and address.bytes >= a.maxAddressBytes)
    then
        return {'FULL'}
    end

    return {'OK'}
end


-- address id -> OK · UNKNOWN · STOPPED · EXPIRED (or deleted) · FULL (quota)
define('jm_rcpt_check', {'no-writes'}, 'account', {'uuid'}, rcpt_check)
