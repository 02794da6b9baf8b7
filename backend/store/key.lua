-- API keys: listed, made and revoked.

local KEY_NUMBERS = {'created', 'expires'}
local KEY_FIELDS = joined({'id', 'name', 'scopes'}, KEY_NUMBERS)


-- What runs for each key of the account that has not expired: `visit` gets
-- its record and hash; a result that is not nil ends the walk.
local function each_key(account, visit)
    for _, hash in ipairs(call('SMEMBERS', key(account, 'keys'))) do
        local k = read_hash(key(account, 'key', hash), KEY_FIELDS)
        local found = k and visit(to_numbers(k, KEY_NUMBERS), hash)

        if found ~= nil and found ~= false then
            return found
        end
    end
end


local function key_json(k, current)
    local expires = k.expires ~= 0 and '"' .. iso(k.expires) .. '"' or 'null'

    return '{"id":"' .. k.id .. '","name":' .. quote(k.name)
        .. ',"scopes":["' .. k.scopes:gsub(' ', '","')
        .. '"],"createdAt":"' .. iso(k.created)
        .. '","expiresAt":' .. expires
        .. (current and ',"current":true' or '') .. '}'
end


-- `mine` is the hash of the key that asks, if one does.
local function key_list(account, mine)
    local ids, json = {}, {}

    each_key(account, function(k, hash)
        ids[#ids + 1] = k.id
        json[k.id] = key_json(k, hash == mine)
    end)

    table.sort(ids)

    for i, id in ipairs(ids) do
        ids[i] = json[id]
    end

    return {'OK', '[' .. table.concat(ids, ',') .. ']'}
end


-- key -> OK, JSON array of the account's keys, oldest first
define('jm_key_list', {'no-writes'}, 'account', {'hash'},
    function(account, hash)
        local why = refusal(account, hash, 'keys:manage', now())

        return why and {why} or key_list(account, hash)
    end)


local function key_add(account, new, id, name, scopes, seconds)
    local keys = key(account, 'keys')
    local record = key(account, 'key', new)
    local at = now()
    local live, gone = 0, {}

    if holds(record, 'hash') then
        fail('key exists')
    end

    for _, old in ipairs(call('SMEMBERS', keys)) do
        if holds(key(account, 'key', old), 'hash') then
            live = live + 1
        else
            gone[#gone + 1] = old
        end
    end

    if live >= MAX_KEYS then
        return {'QUOTA_EXCEEDED'}
    end

    local life = tonumber(seconds) * SECOND
    local k = {id = id, name = name, scopes = scopes, created = at,
               expires = life > 0 and at + life or 0}
    local json = key_json(k)

    for _, old in ipairs(gone) do
        call('SREM', keys, old)
    end

    call('SADD', keys, new)
    call('HSET', record, 'id', id, 'name', name, 'scopes', scopes,
        'created', int(at), 'expires', int(k.expires))

    if k.expires ~= 0 then
        call('PEXPIREAT', record, int(k.expires))
    end

    call('HSET', account_key(account), 'seen', int(at))

    return {'OK', json}
end


-- A key gives no more than it has: each scope asked for is one of its own.
local function key_create(account, hash, new, id, name, scopes, seconds)
    local at = now()
    local why = refusal(account, hash, 'keys:manage', at)

    for scope in scopes:gmatch('%S+') do
        why = why or refusal(account, hash, scope, at)
    end

    if why then
        return {why}
    end

    return key_add(account, new, id, name, scopes, seconds)
end


-- key, hash of the new key, its id, name, scopes, seconds to live (0: for
-- ever) -> OK, JSON · QUOTA_EXCEEDED
define('jm_key_create', {}, 'account',
    {'hash', 'hash', 'uuid', 'name', 'scopes', 'seconds'}, key_create)


local function key_delete(account, id)
    local hash = each_key(account, function(k, hash)
        return k.id == id and hash
    end)

    if not hash then
        return {'NOT_FOUND'}
    end

    call('DEL', key(account, 'key', hash))
    call('SREM', key(account, 'keys'), hash)
    wake(account, 'gone')

    return {'OK'}
end


-- key, id of a key -> OK · NOT_FOUND.  Its push connections hear of it.
define_api('jm_key_delete', {'allow-oom'}, 'keys:manage', {'uuid'},
    key_delete)


-- The same for the operator, without a key, and with any scopes.
define_operator('jm_operator_key_list', {'no-writes'}, {}, key_list)
define_operator('jm_operator_key_create', {},
    {'hash', 'uuid', 'name', 'scopes', 'seconds'}, key_add)
define_operator('jm_operator_key_delete', {'allow-oom'}, {'uuid'}, key_delete)
