-- Accounts: made, read, changed and deleted, by their owner or the operator.

local function store_is_full()
    local info = call('INFO', 'memory')
    local used = tonumber(info:match('\nused_memory:(%d+)'))
    local max = tonumber(info:match('\nmaxmemory:(%d+)'))

    return max > 0 and used > max * FULL_PERCENT / 100
end


local function account_create(account, hash, id, ...)
    local name = account_key(account)
    local at = now()
    local quota = {...}

    if #quota == 0 then
        quota = QUOTA
    elseif #quota ~= #QUOTA then
        fail('jm_account_create: wrong number of arguments')
    end

    if holds(name, 'hash') then
        return {'EXISTS'}
    end

    if store_is_full() then
        return {'STORE_FULL'}
    end

    holds(key(account, 'keys'), 'set')
    holds(key(account, 'key', hash), 'hash')

    call('HSET', name, 'state', 'active', 'created', int(at), 'seen', int(at),
        'maxEmails', quota[1], 'maxBytes', quota[2],
        'maxAddresses', quota[3],
        'maxAddressEmails', quota[4], 'maxAddressBytes', quota[5],
        'emails', 0, 'bytes', 0, 'addresses', 0)
    call('SADD', key(account, 'keys'), hash)
    call('HSET', key(account, 'key', hash), 'id', id, 'name', 'default',
        'scopes', SCOPES, 'created', int(at), 'expires', 0)

    return {'OK', at}
end


-- hash of its first key, id of that key, its quota as in QUOTA or nothing
-- -> OK, created · EXISTS · STORE_FULL
define('jm_account_create', {}, 'account', {'hash', 'uuid', 'count*'},
    account_create)


local function account_get(account)
    local a = read_account(account)

    return {
        'OK',
        '{"id":"' .. account .. '","createdAt":"' .. iso(a.created)
            .. '","addresses":' .. int(a.addresses)
            .. ',"emails":' .. int(a.emails)
            .. ',"bytes":' .. int(a.bytes)
            .. ',"quota":{"addresses":' .. int(a.maxAddresses)
            .. ',"emails":' .. int(a.maxEmails)
            .. ',"bytes":' .. int(a.maxBytes)
            .. ',"addressEmails":' .. int(a.maxAddressEmails)
            .. ',"addressBytes":' .. int(a.maxAddressBytes) .. '}}'
    }
end


-- key -> OK, JSON of the account
define_api('jm_account_get', {'no-writes'}, '', {}, account_get)


-- key -> OK.  A change like any other: it leaves the time behind.
define_api('jm_account_seen', {'allow-oom'}, '', {}, function()
    return {'OK'}
end)


local function account_delete(account)
    if read_account(account).held > 0 then
        return {'ADDRESS_HELD'}
    end

    call('HSET', account_key(account), 'state', 'deleted')
    wake(account, 'gone')

    return {'OK'}
end


-- key -> OK · ADDRESS_HELD.  Nothing of the account is to be seen any more;
-- the caller adds
-- `account:<A>` to what is due, and the reaper removes the rest.
define_api('jm_account_delete', {'allow-oom'}, 'keys:manage', {},
    account_delete)


-- Registers the operator's form of what a client may do for itself: no key is
-- asked for, the account must be there.
local function define_operator(name, flags, spec, run)
    define(name, flags, 'account', spec, function(account, ...)
        local a = read_account(account)

        if not a or a.state ~= 'active' then
            return {'NOT_FOUND'}
        end

        return run(account, ...)
    end)
end


-- -> OK, JSON of the account · NOT_FOUND
define_operator('jm_operator_account_get', {'no-writes'}, {}, account_get)


-- emails, bytes, addresses, emails and bytes of one address ('': as it is)
-- -> OK, JSON of the account · NOT_FOUND
define_operator('jm_operator_account_update', {},
    {'any_count', 'any_count', 'any_count', 'any_count', 'any_count'},
    function(account, ...)
        local fields = {'maxEmails', 'maxBytes', 'maxAddresses',
                        'maxAddressEmails', 'maxAddressBytes'}

        for i, value in ipairs({...}) do
            if value ~= '' then
                call('HSET', account_key(account), fields[i], value)
            end
        end

        return account_get(account)
    end)


-- -> OK · NOT_FOUND · ADDRESS_HELD.  The same follows as jm_account_delete.
define_operator('jm_operator_account_delete', {'allow-oom'}, {},
    account_delete)
