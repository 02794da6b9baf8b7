-- How a function is defined: its arguments are checked against a list of forms,
-- its client's key against the scope it needs, before any of its own lines
-- runs.

-- Foundations ---------------------------------------------------------------

-- While the library is being loaded, Lua has no globals at all: no redis.call,
-- no ipairs, no unpack.
local function call(...)
    return redis.call(...)
end


local function fail(text)
    error({err = 'ERR junkmail: ' .. text})
end


local function now()
    local t = call('TIME')

    return t[1] * 1000 + math.floor(t[2] / 1000)
end


local function joined(first, second)
    local all = {}

    for i = 1, #first do
        all[i] = first[i]
    end

    for i = 1, #second do
        all[#first + i] = second[i]
    end

    return all
end


-- Lua's own conversion would write large numbers with an exponent.
local function int(n)
    return string.format('%.0f', n)
end


local function key(account, ...)
    return 'jm:{' .. account .. '}:' .. table.concat({...}, ':')
end


local function account_key(account)
    return 'jm:{' .. account .. '}'
end


-- Whether the key exists; an error when it is of another type.
local function holds(name, kind)
    local found = call('TYPE', name).ok

    if found ~= kind and found ~= 'none' then
        fail('key ' .. name .. ' is a ' .. found .. ', not a ' .. kind)
    end

    return found == kind
end


-- The named fields of a hash as a table, nil when there are none.  Asking for
-- the type too would make every read two calls.
local function read_hash(name, fields)
    local values = redis.pcall('HMGET', name, unpack(fields))
    local record, found = {key = name}, false

    if values.err then
        fail('key ' .. name .. ' is not a hash')
    end

    for i = 1, #fields do
        if values[i] then
            record[fields[i]] = values[i]
            found = true
        end
    end

    return found and record or nil
end


-- Turns the named fields into numbers.
local function to_numbers(record, fields)
    for _, field in ipairs(fields) do
        local number = tonumber(record[field])

        if not number then
            fail('field ' .. field .. ' of ' .. record.key .. ' is no number')
        end

        record[field] = number
    end

    return record
end


-- Arguments -----------------------------------------------------------------

local function hex(length)
    return function(s)
        return #s == length and not s:find('[^0-9a-f]')
    end
end


local function number(pattern, min, max)
    return function(s)
        local n = #s <= 15 and s:find(pattern) and tonumber(s)

        return n and n >= min and n <= max
    end
end


local function one_of(...)
    local list, words = {...}, {}

    for i = 1, #list do
        words[list[i]] = true
    end

    return function(s)
        return words[s]
    end
end


local function text(min, max)
    return function(s)
        return #s >= min and #s <= max
    end
end


local function is_uuid(s)
    return #s == 36 and s:find('^%x+%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x+$') == 1
        and s:sub(9, 9) == '-' and not s:find('%u')
end


local function is_account(s)
    return #s == 22 and not s:find('[^0-9A-Za-z]')
end


-- The form of jm_address_key(): what a route is found by.  Its local part is
-- unquoted, so that there may be a space in it, or an @.
local function is_address(s)
    return #s <= 320
        and s:find('^[\32-\64\91-\126\128-\255]+@[a-z0-9.-]+$') == 1
end


local function is_alias(s)
    return #s <= 64 and s:find('^[\33-\126\128-\255]+$') == 1
        and not s:find('[@"\\]')
end


-- The local part of such an address, and its domain.
local function is_local(s)
    return #s <= 64 and s:find('^[\32-\64\91-\126\128-\255]+$') == 1
end


local function is_domain(s)
    return #s <= 255 and s:find('^[a-z0-9.-]*$') == 1
end


local function is_cursor(s)
    return s == '' or s == '0'
        or (#s <= 41 and s:find('^%d+%-%d+$') == 1)
end


local function is_member(s)
    local account, id = s:match('^address:(%w+):([%x-]+)$')

    if account then
        return is_account(account) and is_uuid(id)
    end

    return is_account(s:match('^account:(%w+)$') or '')
end


-- The lengths that a blob's header tells; nil when it is none.
local function blob_lengths(blob)
    if #blob < 12 then
        return nil
    end

    local _, length, packed = struct.unpack('<I4I4I4', blob)
    local spilled = packed > WINDOW
    local inline = spilled and 0 or packed

    if #blob ~= 12 + inline then
        return nil
    end

    return length, packed, spilled
end


local function is_attachment(s)
    return #s <= 4096 and s:find('^%d+\n[^\n]*\n[^\n]*\n[01]$') == 1
end


local function optional(check)
    return function(s)
        return s == '' or check(s)
    end
end


-- One or more of SCOPES, each once, separated by a space.
local function is_scopes(s)
    local seen = {}

    for scope in (s .. ' '):gmatch('(.-) ') do
        if scope == '' or seen[scope]
            or not (SCOPES .. ' '):find(scope .. ' ', 1, true)
        then
            return false
        end

        seen[scope] = true
    end

    return true
end


local forms = {
    any = text(0, 2 * WINDOW),
    account = is_account,
    address = is_address,
    alias = is_alias,
    attachment = is_attachment,
    bit = one_of('0', '1'),
    blob = function(s) return blob_lengths(s) ~= nil end,
    change = one_of('', '0', '1'),
    count = number('^%d+$', 0, 2 ^ 40),
    cursor = is_cursor,
    days = number('^%d+$', 0, 36500),
    did = hex(32),
    due = number('^%d+$', 0, 2 ^ 48),
    hash = hex(64),
    limit = number('^%d+$', 0, 100),
    ['local'] = is_local,
    member = is_member,
    name = text(1, 400),
    offset = number('^%d+$', 0, 2 ^ 31),
    part = one_of('html', 'raw', 'att'),
    parts = number('^%d+$', 0, 200),
    scopes = is_scopes,
    search = text(0, 600),
    seconds = number('^%d+$', 0, 2 ^ 31),
    slice = number('^%d+$', 1, SLICE),
    stamp = text(1, 32),
    start = number('^-?%d+$', -2 ^ 40, 2 ^ 40),
    status = one_of('', 'active', 'expired'),
    summary = text(2, WINDOW),
    uuid = is_uuid,
    view = one_of('inbox', 'bin', 'unread', 'starred'),
    viewpart = one_of('html', 'att'),
    window = number('^%d+$', 0, 4 * WINDOW),
    words = text(0, 600),
}
forms.any_blob = optional(forms.blob)
forms.any_count = optional(forms.count)
forms.any_due = optional(forms.due)
forms.any_seconds = optional(forms.seconds)
forms.any_uuid = optional(is_uuid)


local function check(name, form, value)
    if not forms[form](value) then
        fail(name .. ': bad ' .. form)
    end
end


-- `spec` names the form of each argument; a `*` after the last one lets it
-- stand for any number of arguments, or none.
local function check_arguments(name, spec, args)
    local fixed, rest = #spec, nil

    if fixed > 0 and spec[fixed]:sub(-1) == '*' then
        rest = spec[fixed]:sub(1, -2)
        fixed = fixed - 1
    end

    if #args < fixed or #args > fixed + (rest and REPEATED or 0) then
        fail(name .. ': wrong number of arguments')
    end

    for i, value in ipairs(args) do
        check(name, spec[i] and i <= fixed and spec[i] or rest, value)
    end
end


-- Definition ----------------------------------------------------------------

local key_forms = {
    account = {'^jm:{(%w+)}$', is_account},
    domain = {'^jm:domain:{(.*)}$', is_domain},
    route = {'^jm:route:{(.+)}$', is_address},
    expire = {'^jm:expire:(%d+)$', number('^%d+$', 0, 15)},
}


local function the_key(name, on, keys)
    local pattern, valid = unpack(key_forms[on])
    local inner = #keys == 1 and keys[1]:match(pattern)

    if not inner or not valid(inner) then
        fail(name .. ': wrong key')
    end

    return inner
end


-- Registers a function of one key.  `run` gets what stands in the key (the
-- account's id, mostly) and the arguments.
local function define(name, flags, on, spec, run)
    redis.register_function{
        function_name = name,
        flags = flags,
        callback = function(keys, args)
            local inner = the_key(name, on, keys)

            check_arguments(name, spec, args)

            return run(inner, unpack(args))
        end
    }
end


-- What keeps a client with this key out; nil when nothing does.
local function refusal(account, hash, scope, at)
    local a = read_hash(account_key(account), {'state'})
    local k = read_hash(key(account, 'key', hash), {'scopes', 'expires'})

    if not a or a.state ~= 'active' or not k then
        return 'INVALID_API_KEY'
    end

    to_numbers(k, {'expires'})

    if k.expires ~= 0 and k.expires <= at then
        return 'INVALID_API_KEY'
    end

    local scopes = ' ' .. (k.scopes or '') .. ' '

    if scope ~= '' and not scopes:find(' ' .. scope .. ' ', 1, true) then
        return 'MISSING_SCOPE'
    end
end


-- Registers a function that a client's request leads to: the first argument is
-- the hash of its key, which must have the scope ('' for any).  A change
-- leaves the time of the account's last use behind.
local function define_api(name, flags, scope, spec, run)
    local writes = flags[1] ~= 'no-writes'

    define(name, flags, 'account', joined({'hash'}, spec),
        function(account, hash, ...)
            local at = now()
            local why = refusal(account, hash, scope, at)

            if why then
                return {why}
            end

            local reply = run(account, ...)

            if writes and reply[1] == 'OK' then
                call('HSET', account_key(account), 'seen', int(at))
            end

            return reply
        end)
end


-- (no key) -> OK, version
redis.register_function{
    function_name = 'jm_health',
    flags = {'no-writes'},
    callback = function(keys, args)
        if #keys ~= 0 or #args ~= 0 then
            fail('jm_health: wrong number of arguments')
        end

        return {'OK', VERSION}
    end
}
