#!lua name=junkmail_1

--[[

The data model's one home: what Redis holds for JunkMail, and everything that
changes more than one key of it at once.  Loaded by junkmaild's supervisor
(ACL user loader); called by nginx (edge), junkmaild's workers and reaper
(backend) and its command line (admin), each of whom may call only the
functions that conf/users.acl.in names.

Rules every function keeps, because a Lua error does not undo what was written:

  - it checks its arguments, the types of its keys, the key of the client and
    the existence of what it is to change before its first write;
  - nothing after the first write can fail: counters are read, checked and
    written with HSET, never with HINCRBY;
  - it touches at most 500 emails;
  - it touches one account, whose id <A> is the hash tag of all its keys.

It answers an array: `OK` and what its comment says, or one word of what
stopped it.  A malformed call is an error reply, `ERR junkmail: …`.  Times are
Unix milliseconds of Redis's clock.

Keys (all values are bytes, ids are UUIDv7 and so sort by time):

  jm:domains                zset   domain -> ms of its adding; the order of
                                   GET /server/domains
  jm:domain:{<domain>}      hash   state      active
                                   home       account of the two below
                                   postmaster, abuse  ids of the addresses
                                              that their mail goes to
                                   policy     of what no route leads to:
                                              closed, catch-all, pattern
                                   account, id  where that goes, if not closed
                                   patterns   globs, separated by a space
                                   jm:domain:{} stands for <postmaster> without
                                   a domain: the home of the first
  jm:route:{<address>}      hash   account, id (of the address), claimed (ms)
                                   when the address is gone, for 30 days only:
                                   owner   hex SHA-256 of the account, so that
                                           nobody else inherits its mail
  jm:{<A>}                  hash   state         active, deleted
                                   created, seen (last change by a client, or
                                           reading, told once a day)
                                   maxEmails, maxBytes, maxAddresses
                                   maxAddressEmails, maxAddressBytes: of one
                                           address; 0: no limit of its own
                                   emails, bytes (the bin included)
                                   addresses     neither expired nor deleted
                                   held          of these, for a domain
  jm:{<A>}:keys             set    hashes of the account's API keys
  jm:{<A>}:key:<hash>       hash   id, name, scopes (separated by a space),
                                   created, expires (0: never); <hash> is the
                                   hex SHA-256 of the key's secret
  jm:{<A>}:addrs            zset   ids of its addresses, but for pending and
                                   deleted ones; scores 0
  jm:{<A>}:addr:<id>        hash   address, alias
                                   state    pending  made, its route not yet
                                                     claimed: not to be seen
                                            active, stopped
                                            expired  its mail is being purged;
                                                     forgotten after 30 days
                                            deleted  not to be seen; its mail
                                                     is being purged
                                   created, expires (0: never)
                                   renew    the email up to which TTLs are
                                            those of a new expiry; 0: none
                                            yet; '' or absent: all
                                   total, unread (both without the bin)
                                   bytes (the bin included)
                                   held     1: a domain's mail comes here, so
                                            its owner cannot end or stop it;
                                            no route leads to it
  jm:{<A>}:idx:<w>:<view>   zset   ids of emails, scores 0, so that the order
                                   is that of the ids: cursors by BYLEX.
                                   <w>: `all`, or the id of an address
                                   <view>: bin; and what is not in the bin:
                                   inbox (all of it), unread, starred
  jm:{<A>}:binned           zset   ids of the emails in the bin -> ms when they
                                   were moved there
  jm:{<A>}:mail:<id>        hash   v        format of this email: 1
                                   addr     id of its address
                                   flags    1 read, 2 starred, 4 in the bin,
                                            8 has attachments
                                   ver      rises with each change of flags
                                   summary  JSON members (render.h)
                                   s        search line, folded, <= 600 bytes
                                   bodies, detail, html   blobs, see below;
                                            no html field when there is none
                                   event    id of its email.received log entry
                                   raw      bytes of the gzipped original,
                                            0: not kept
                                   size     bytes counted against the quota
                                   cleaned  stamp of the sanitiser and lists
                                            that made it (message.h)
                                   blobs    id in the keys of the values below
                                            but raw, once cleaned anew
                                   a1 … an  attachment n: its length, content
                                            type, content disposition and 0 or
                                            1 (inline), separated by a newline
  jm:{<A>}:raw:<id>         string the original, gzip
  jm:{<A>}:att:<id>:<n>     string attachment n, from 1
  jm:{<A>}:bodies:<id>      string spilled blobs: the compressed bytes
  jm:{<A>}:detail:<id>
  jm:{<A>}:html:<id>
  jm:{<A>}:did:<did>        string results of the delivery <did>, 7 days: a
                                   line `<address id> <email id or GONE>` each
  jm:{<A>}:ticket:<hash>    string id of the email that a view ticket opens,
                                   10 minutes; <hash> as with keys
  jm:{<A>}:log              stream about 1,000 events: a (address id), j (the
                                   frame's JSON after its id: `"type":…}`)
  jm:{<A>}:wake             channel: the id of a new log entry, or `gone` when
                                   open connections must ask for their key again
  jm:expire:<0…15>          zset   what is to be done when (reaper.c):
                                   `address:<A>:<id>`, `account:<A>` -> ms;
                                   shard = CRC-32(<A>) modulo 16
  jm:lock:<0…15>            string who works on that shard (reaper.c)

A blob is {u32le CRC-32, u32le length, u32le compressed length}, the first two
of the uncompressed bytes, and then the compressed bytes; when these are over
256 KiB they lie in a key of their own and the field holds the 12 bytes only.

Mail of an address that expires carries a TTL of an hour more, as a net below
the reaper.  Values over 256 KiB are written by the backend in pieces before
jm_email_deliver links them (store.c); till then they live for 10 minutes.

]]

local VERSION = 'junkmail_1'

local SECOND = 1000
local HOUR = 3600 * SECOND
local DAY = 24 * HOUR

local PENDING = 60 * SECOND      -- to claim a new address's route
local PENDING_NET = DAY          -- for the reaper to undo what was not
local TICKET = 600 * SECOND
local DELIVERY_MEMORY = 7 * DAY
local ROUTE_MEMORY = 30 * DAY    -- an alias is kept for its last owner
local EXPIRY_NET = HOUR          -- TTL of mail beyond its address's expiry

local SLICE = 500                -- emails a function may touch
local NAMED = 100                -- emails a client may name in one request
local REPEATED = 1000            -- arguments of a repeated form
local SEARCHED = 5000            -- newest emails a search looks at
local LIST_BODIES = 4 * 1024 * 1024
local WINDOW = 256 * 1024        -- larger values lie in a key of their own
local LOG_LENGTH = '1000'

-- The quota of an account opened without one: emails, bytes, addresses; emails
-- and bytes of one address (0: no limit of its own).
local QUOTA = {1000, 250 * 1024 * 1024, 100, 0, 0}
local MAX_KEYS = 50
local KEPT_ADDRESSES = 10        -- expired ones included: times the quota
local FULL_PERCENT = 85          -- of maxmemory: no new accounts
local PATTERNS = 1100            -- bytes of a domain's globs

-- What no user may have for an alias: RFC 2142's names that speak for the
-- domain, and those that certificate authorities send their proofs to
-- (Baseline Requirements, 3.2.2.4.4): whoever reads them gets a certificate.
local RESERVED = {
    abuse = true, admin = true, administrator = true, hostmaster = true,
    ['mailer-daemon'] = true, ['no-reply'] = true, noc = true,
    noreply = true, postmaster = true, root = true, security = true,
    webmaster = true, ['*'] = true
}

local READ, STARRED, DELETED, ATTACHMENTS = 1, 2, 4, 8
local VIEWS = {'inbox', 'bin', 'unread', 'starred'}

local SCOPES = 'emails:read emails:write analytics:read domains:read ' ..
    'domains:manage webhooks:manage forwarding:manage keys:manage'


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


-- JSON ----------------------------------------------------------------------

-- cjson writes a solidus as `\/`, which is right but not what we print.
local function quote(s)
    return (cjson.encode(s):gsub('\\/', '/'))
end


-- ISO 8601; the calendar is Howard Hinnant's civil_from_days.
local function iso(ms)
    local floor = math.floor
    local days = floor(ms / DAY)
    local left = ms - days * DAY
    local z = days + 719468
    local era = floor(z / 146097)
    local doe = z - era * 146097
    local yoe = floor((doe - floor(doe / 1460) + floor(doe / 36524)
                       - floor(doe / 146096)) / 365)
    local doy = doe - (365 * yoe + floor(yoe / 4) - floor(yoe / 100))
    local mp = floor((5 * doy + 2) / 153)
    local day = doy - floor((153 * mp + 2) / 5) + 1
    local month = mp < 10 and mp + 3 or mp - 9
    local year = yoe + era * 400 + (month <= 2 and 1 or 0)

    return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ',
        year, month, day, floor(left / HOUR), floor(left / 60000) % 60,
        floor(left / 1000) % 60, left % 1000)
end


local function has(flags, bits)
    return bit.band(flags, bits) ~= 0
end


local function flag_json(flags)
    return '"isRead":' .. tostring(has(flags, READ))
        .. ',"isStarred":' .. tostring(has(flags, STARRED))
        .. ',"isDeleted":' .. tostring(has(flags, DELETED))
end


-- The front part of an item in a list: `{` this, bodies or nothing, `}`.
local function list_head(mail)
    return flag_json(mail.flags) .. ',"hasAttachments":'
        .. tostring(has(mail.flags, ATTACHMENTS)) .. ',' .. mail.summary
end


-- Events --------------------------------------------------------------------

local function check_log(account)
    holds(key(account, 'log'), 'stream')
end


-- Appends to the account's log; the entry's id.
local function log(account, address_id, kind, at, data)
    return call('XADD', key(account, 'log'), 'MAXLEN', '~', LOG_LENGTH, '*',
        'a', address_id,
        'j', '"type":"' .. kind .. '","timestamp":' .. int(at)
             .. ',"data":' .. data .. '}')
end


local function wake(account, what)
    call('PUBLISH', key(account, 'wake'), what)
end


-- Records -------------------------------------------------------------------

local ACCOUNT_NUMBERS = {
    'created', 'maxEmails', 'maxBytes', 'maxAddresses', 'maxAddressEmails',
    'maxAddressBytes', 'emails', 'bytes', 'addresses', 'held'
}
local ACCOUNT_FIELDS = joined({'state'}, ACCOUNT_NUMBERS)

local ADDRESS_NUMBERS = {'created', 'expires', 'total', 'unread', 'bytes'}
local ADDRESS_FIELDS = joined({'address', 'alias', 'state', 'renew', 'held'},
    ADDRESS_NUMBERS)

local MAIL_NUMBERS = {'flags', 'ver', 'size'}
local MAIL_FIELDS = joined({'addr', 'event', 'summary'}, MAIL_NUMBERS)


local function read_account(account)
    local a = read_hash(account_key(account), ACCOUNT_FIELDS)

    if not a then
        return nil
    end

    a.held = a.held or 0

    return to_numbers(a, ACCOUNT_NUMBERS)
end


local function read_address(account, id)
    local a = read_hash(key(account, 'addr', id), ADDRESS_FIELDS)

    if not a then
        return nil
    end

    a.id = id

    return to_numbers(a, ADDRESS_NUMBERS)
end


local function is_expired(address, at)
    return address.state == 'expired'
        or (address.expires ~= 0 and address.expires <= at)
end


-- Whether the owner sees the address, and whether its mail.
local function is_listed(address)
    return address ~= nil and address.state ~= 'pending'
        and address.state ~= 'deleted'
end


local function is_live(address, at)
    return is_listed(address) and not is_expired(address, at)
end


local function address_json(address, at)
    local active = address.state == 'active' and not is_expired(address, at)
    local expires = address.expires ~= 0
        and '"' .. iso(address.expires) .. '"' or 'null'

    return '{"id":"' .. address.id .. '","address":' .. quote(address.address)
        .. ',"alias":' .. quote(address.alias)
        .. ',"isActive":' .. tostring(active)
        .. ',"createdAt":"' .. iso(address.created) .. '","expiresAt":'
        .. expires .. ',"unread":' .. int(address.unread)
        .. ',"total":' .. int(address.total) .. '}'
end


local function write_numbers(record, ...)
    local pairs_ = {}

    for _, field in ipairs({...}) do
        pairs_[#pairs_ + 1] = field
        pairs_[#pairs_ + 1] = int(math.max(0, record[field]))
    end

    call('HSET', record.key, unpack(pairs_))
end


local function read_mail(account, id)
    local mail = read_hash(key(account, 'mail', id), MAIL_FIELDS)

    if not mail then
        return nil
    end

    mail.id = id
    mail.summary = mail.summary or ''

    if not is_uuid(mail.addr or '')
        or not (mail.event or ''):find('^%d+%-%d+$')
    then
        fail('key ' .. mail.key .. ' is not an email')
    end

    return to_numbers(mail, MAIL_NUMBERS)
end


-- Gives read_mail()s that leave out what its address hides: mail of a deleted
-- or expired one that the reaper has not come to yet.  The addresses are
-- remembered, so that a list asks for each once.
local function mail_reader(account, at)
    local addresses = {}

    return function(id)
        local mail = read_mail(account, id)

        if not mail then
            return nil
        end

        local address = addresses[mail.addr]

        if address == nil then
            address = read_address(account, mail.addr) or false
            addresses[mail.addr] = address
        end

        if not address or not is_live(address, at) then
            return nil
        end

        mail.address = address

        return mail
    end
end


-- Indexes -------------------------------------------------------------------

local function index(account, where, view)
    return key(account, 'idx', where, view)
end


local function check_indexes(account, address_id)
    holds(key(account, 'binned'), 'zset')

    for _, view in ipairs(VIEWS) do
        holds(index(account, 'all', view), 'zset')
        holds(index(account, address_id, view), 'zset')
    end
end


-- Whether an email with these flags stands in the view.
local function in_view(flags, view)
    if has(flags, DELETED) then
        return view == 'bin'
    end

    return view == 'inbox'
        or (view == 'unread' and not has(flags, READ))
        or (view == 'starred' and has(flags, STARRED))
end


-- Moves the email from where `old` flags put it to where `new` ones do; nil
-- for either: it was, or will be, in no view.
local function reindex(account, address_id, id, old, new)
    local binned = old and in_view(old, 'bin')
    local bin = new and in_view(new, 'bin')

    if bin and not binned then
        call('ZADD', key(account, 'binned'), int(now()), id)
    elseif binned and not bin then
        call('ZREM', key(account, 'binned'), id)
    end

    for _, view in ipairs(VIEWS) do
        local was = old and in_view(old, view)
        local will = new and in_view(new, view)

        if will and not was then
            call('ZADD', index(account, 'all', view), 0, id)
            call('ZADD', index(account, address_id, view), 0, id)
        elseif was and not will then
            call('ZREM', index(account, 'all', view), id)
            call('ZREM', index(account, address_id, view), id)
        end
    end
end


-- Takes the address's mail out of all that the account lists at once; the
-- indexes of the address itself stay, for the purge.
local function hide_mail(account, address_id)
    for _, view in ipairs(VIEWS) do
        local all = index(account, 'all', view)

        call('ZDIFFSTORE', all, 2, all, index(account, address_id, view))
    end
end


-- What the flags add to an address's total and unread.
local function weight(flags)
    local total = in_view(flags, 'inbox') and 1 or 0
    local unread = in_view(flags, 'unread') and 1 or 0

    return total, unread
end


-- Accounts ------------------------------------------------------------------

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


-- API keys ------------------------------------------------------------------

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


-- Addresses -----------------------------------------------------------------

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


-- address id -> OK, JSON · NOT_FOUND.  A repeat changes nothing.
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


-- Domains -------------------------------------------------------------------

local DOMAIN_FIELDS = {
    'state', 'policy', 'account', 'id', 'patterns', 'home', 'postmaster',
    'abuse'
}


-- Whether one of the globs, each with one asterisk at most, covers the name.
local function covers(patterns, name)
    if #patterns > PATTERNS then
        fail('too many patterns')
    end

    for pattern in patterns:gmatch('%S+') do
        local first, last = pattern:match('^([^*]*)%*([^*]*)$')

        if pattern == name
            or (first and #name >= #first + #last
                and name:sub(1, #first) == first
                and name:sub(#name - #last + 1) == last)
        then
            return true
        end
    end

    return false
end


-- Whether mail for an unknown name goes to the domain's account.
local function catches(d, name)
    return d.account and d.id and (d.policy == 'catch-all'
        or (d.policy == 'pattern' and covers(d.patterns or '', name)))
end


local function read_domain(domain)
    local d = read_hash('jm:domain:{' .. domain .. '}', DOMAIN_FIELDS)

    return d and d.state == 'active' and d or nil
end


local function domain_route(domain, name)
    local d = read_domain(domain)

    if not d then
        return {'FOREIGN'}
    end

    if (name == 'postmaster' or name == 'abuse') and d.home and d[name] then
        return {'ROLE', d.home, d[name]}
    end

    if catches(d, name) then
        return {'CATCH', d.account, d.id}
    end

    return {'UNKNOWN'}
end


-- local part (of jm_address_key()) -> where the domain sends its mail:
--   FOREIGN               it is no domain of ours
--   ROLE, account, id     there, whatever its route says
--   CATCH, account, id    there, if no route is, or was, for it
--   UNKNOWN               where its route leads, or nowhere
-- How a route and this come together: jm_route.c.
define('jm_domain_route', {'no-writes'}, 'domain', {'local'}, domain_route)


-- What goes to the domain's account already is not for others to take.
local function alias_check(domain, name, account)
    local d = read_domain(domain)

    if not d then
        return {'FOREIGN'}
    end

    if RESERVED[name] or (catches(d, name) and d.account ~= account) then
        return {'ALIAS_TAKEN'}
    end

    return {'OK'}
end


-- local part, account -> OK · FOREIGN · ALIAS_TAKEN: whether the account may
-- try to claim that address of the domain
define('jm_alias_check', {'no-writes'}, 'domain', {'local', 'account'},
    alias_check)


-- Delivery ------------------------------------------------------------------

-- Reads the arguments of jm_email_deliver into a table, checking each.
local function read_delivery(did, stamp, size, attachments, raw, bodies, html,
    ...)
    local args, at = {...}, 0

    local function take(form)
        at = at + 1

        if args[at] == nil then
            fail('jm_email_deliver: wrong number of arguments')
        end

        check('jm_email_deliver', form, args[at])

        return args[at]
    end

    local d = {
        did = did, stamp = stamp, size = size, raw = raw,
        flags = attachments == '1' and ATTACHMENTS or 0,
        bodies = bodies, html = html, parts = {}, mails = {}
    }

    for i = 1, tonumber(take('parts')) do
        d.parts[i] = take('attachment')
    end

    for i = 1, tonumber(take('limit')) do
        d.mails[i] = {
            id = take('uuid'), addr = take('uuid'), search = take('search'),
            summary = take('summary'), detail = take('blob')
        }
    end

    if at ~= #args or #d.mails == 0 then
        fail('jm_email_deliver: wrong number of arguments')
    end

    return d
end


-- The reply of the first time: a line for each address.
local function delivered_before(account, d)
    local name = key(account, 'did', d.did)

    if not holds(name, 'string') then
        return nil
    end

    local results, reply = {}, {'OK'}

    for addr, result in call('GET', name):gmatch('(%S+) (%S+)\n') do
        results[addr] = result
    end

    for i, mail in ipairs(d.mails) do
        reply[i + 1] = results[mail.addr] or 'GONE'
    end

    return reply
end


-- The values that were written ahead in pieces; each must be there whole.
local function check_pieces(account, d, mail)
    local pieces = {}

    local function add(length, ...)
        local name = key(account, ...)
        local found = holds(name, 'string') and call('STRLEN', name) or 0

        if found ~= tonumber(length) then
            fail('key ' .. name .. ' is not complete')
        end

        pieces[#pieces + 1] = name
    end

    local function add_spilled(field, blob)
        local _, packed, spilled = blob_lengths(blob)

        if spilled then
            add(packed, field, mail.id)
        end
    end

    if tonumber(d.raw) > 0 then
        add(d.raw, 'raw', mail.id)
    end

    for n, part in ipairs(d.parts) do
        local length = part:match('^%d+')

        -- Redis keeps no empty strings.
        if tonumber(length) > 0 then
            add(length, 'att', mail.id, n)
        end
    end

    add_spilled('bodies', d.bodies)
    add_spilled('detail', mail.detail)

    if d.html ~= '' then
        add_spilled('html', d.html)
    end

    return pieces
end


-- Finds the mail's address and checks all that storing it will write to.
local function prepare_mail(account, d, mail, addresses, at)
    if addresses[mail.addr] then
        fail('jm_email_deliver: an address is named twice')
    end

    local address = read_address(account, mail.addr)

    addresses[mail.addr] = true
    mail.key = key(account, 'mail', mail.id)

    if not is_live(address, at) then
        return
    end

    if holds(mail.key, 'hash') then
        fail('email ' .. mail.id .. ' exists')
    end

    check_indexes(account, mail.addr)
    mail.pieces = check_pieces(account, d, mail)
    mail.address = address
end


-- The fields that hold what was made of the mail.
local function content_fields(d, mail)
    local fields = {
        'summary', mail.summary, 's', mail.search, 'bodies', d.bodies,
        'detail', mail.detail, 'cleaned', d.stamp
    }

    if d.html ~= '' then
        fields[#fields + 1] = 'html'
        fields[#fields + 1] = d.html
    end

    for n, part in ipairs(d.parts) do
        fields[#fields + 1] = 'a' .. n
        fields[#fields + 1] = part
    end

    return fields
end


-- The keys of a mail go with its address.
local function keep(names, address)
    for _, name in ipairs(names) do
        if address.expires ~= 0 then
            call('PEXPIREAT', name, int(address.expires + EXPIRY_NET))
        else
            call('PERSIST', name)
        end
    end
end


-- Stores the mail; its log entry's id.
local function write_mail(account, d, mail, at)
    local address = mail.address
    local head = list_head({flags = d.flags, summary = mail.summary})
    local entry = log(account, mail.addr, 'email.received', at,
        '{' .. head .. '}')

    call('HSET', mail.key, 'v', 1, 'addr', mail.addr, 'flags', d.flags, 'ver',
        1, 'raw', d.raw, 'size', d.size, 'event', entry,
        unpack(content_fields(d, mail)))
    mail.pieces[#mail.pieces + 1] = mail.key
    keep(mail.pieces, address)
    reindex(account, mail.addr, mail.id, nil, d.flags)

    address.total = address.total + 1
    address.unread = address.unread + 1
    address.bytes = address.bytes + d.size
    write_numbers(address, 'total', 'unread', 'bytes')

    return entry
end


local function email_deliver(account, ...)
    local d = read_delivery(...)
    local before = delivered_before(account, d)

    if before then
        return before
    end

    local a = read_account(account)
    local at = now()
    local addresses, results, reply = {}, {}, {'OK'}
    local entry

    check_log(account)

    if a and a.state == 'active' then
        for _, mail in ipairs(d.mails) do
            prepare_mail(account, d, mail, addresses, at)
        end
    end

    for i, mail in ipairs(d.mails) do
        if mail.address then
            entry = write_mail(account, d, mail, at)
            a.emails = a.emails + 1
            a.bytes = a.bytes + d.size
        end

        reply[i + 1] = mail.address and mail.id or 'GONE'
        results[i] = mail.addr .. ' ' .. reply[i + 1] .. '\n'
    end

    if entry then
        write_numbers(a, 'emails', 'bytes')
        call('SET', key(account, 'did', d.did), table.concat(results), 'PX',
            DELIVERY_MEMORY)
        wake(account, entry)
    end

    return reply
end


-- delivery id, stamp, size, has attachments 0/1, bytes of the gzipped original (0:
-- not kept), bodies, html ('' if none), number of attachments, each one's
-- field, number of emails, and of each: id, address id, search line, summary,
-- detail.  -> OK, and for each the id it is stored under, or GONE when the
-- address is no more.  What does not stand in the arguments must have been
-- written before (store.c).  A repeat of a delivery id looks at nothing,
-- writes nothing and gives the first answer.  The quota never refuses: the
-- recipient has been accepted.
define('jm_email_deliver', {}, 'account',
    {'did', 'stamp', 'count', 'bit', 'count', 'blob', 'any_blob', 'any*'},
    email_deliver)


-- Reading emails ------------------------------------------------------------

-- Ids of a view, newest first.
local function ids_of(name, after, offset, limit)
    if not holds(name, 'zset') then
        return {}
    end

    local from = after == '' and '+' or '(' .. after

    return call('ZRANGE', name, from, '-', 'BYLEX', 'REV', 'LIMIT', offset,
        limit)
end


local function matches(account, id, words)
    local line = call('HGET', key(account, 'mail', id), 's') or ''

    for word in words:gmatch('%S+') do
        if not line:find(word, 1, true) then
            return false
        end
    end

    return true
end


-- The page of what is found among the newest SEARCHED emails of the view, and
-- how much is found in all.
local function search(account, name, after, offset, limit, words, read)
    local page, total, passed = {}, 0, 0

    for _, id in ipairs(ids_of(name, '', 0, SEARCHED)) do
        -- Most do not match, and that is told by one field.
        local mail = matches(account, id, words) and read(id)

        if mail then
            total = total + 1

            if after == '' or id < after then
                passed = passed + 1
                if passed > offset and #page < limit then
                    page[#page + 1] = mail
                end
            end
        end
    end

    return page, total
end


local function page_of(name, after, offset, limit, read)
    local page = {}
    local total = holds(name, 'zset') and call('ZCARD', name) or 0

    for _, id in ipairs(ids_of(name, after, offset, limit)) do
        page[#page + 1] = read(id)
    end

    return page, total
end


-- The bodies for the items of a list, '' for one left out: all together they
-- stop at LIST_BODIES uncompressed, and what lies in a key of its own does not
-- come along.
local function bodies_for(page)
    local bodies, used, open = {}, 0, true

    for i, mail in ipairs(page) do
        local blob = open and call('HGET', mail.key, 'bodies') or ''
        local length, _, spilled = blob_lengths(blob)

        used = used + (length or 0)
        open = open and used <= LIST_BODIES
        bodies[i] = open and length and not spilled and blob or ''
    end

    return bodies
end


local function email_list(account, address_id, view, limit, offset, after,
    with_bodies, words)

    local at = now()
    local where = address_id == '' and 'all' or address_id
    local name = index(account, where, view)
    local read = mail_reader(account, at)
    local page, total

    if address_id ~= '' then
        local address = read_address(account, address_id)

        if not is_listed(address) then
            return {'NOT_FOUND'}
        end

        if is_expired(address, at) then
            return {'OK', 0}
        end
    end

    offset, limit = tonumber(offset), tonumber(limit)

    if words:find('%S') then
        page, total = search(account, name, after, offset, limit, words, read)
    else
        page, total = page_of(name, after, offset, limit, read)
    end

    local bodies = with_bodies == '1' and bodies_for(page) or {}
    local reply = {'OK', total}

    for i, mail in ipairs(page) do
        reply[#reply + 1] = list_head(mail)
        reply[#reply + 1] = bodies[i] or ''
    end

    return reply
end


-- key, address id or '', view, limit, offset, id to start after or '', with
-- bodies 0/1, folded words to search for, separated by a space, or ''
-- -> OK, total, and of each, newest first: head, bodies (a blob; '' when not
-- asked for or left out) · NOT_FOUND (address)
define_api('jm_email_list', {'no-writes'}, 'emails:read',
    {'any_uuid', 'view', 'limit', 'offset', 'any_uuid', 'bit', 'words'},
    email_list)


local function find_mail(account, id)
    return mail_reader(account, now())(id)
end


local function email_get(account, id)
    local mail = find_mail(account, id)

    if not mail then
        return {'NOT_FOUND'}
    end

    local blobs = call('HMGET', mail.key, 'bodies', 'detail', 'blobs')

    return {
        'OK', mail.ver, flag_json(mail.flags) .. ',' .. mail.summary,
        blobs[1] or '', blobs[2] or '', blobs[3] or id
    }
end


-- key, email id -> OK, version, head, bodies, detail, the id in the keys of
-- these two when they are large · NOT_FOUND
define_api('jm_email_get', {'no-writes'}, 'emails:read', {'uuid'}, email_get)


-- The id under which the email's large values lie: a reader of what was there
-- before it was cleaned anew finds them gone, not mixed with the new.
local function blobs_of(mail)
    return call('HGET', mail.key, 'blobs') or mail.id
end


-- Where a part's bytes are: its field of the attachment ('' for others),
-- their number, and either themselves or the key that holds them.  nil: there
-- is no such part.
local function find_part(account, mail, part, n)
    if part == 'html' then
        local blob = call('HGET', mail.key, 'html') or ''
        local _, packed, spilled = blob_lengths(blob)

        if not packed then
            return nil
        elseif spilled then
            return '', packed, nil, key(account, 'html', blobs_of(mail))
        end

        return '', packed, blob:sub(13)
    end

    if part == 'raw' then
        local length = tonumber(call('HGET', mail.key, 'raw') or 0) or 0

        if length == 0 then
            return nil
        end

        return '', length, nil, key(account, 'raw', mail.id)
    end

    local meta = call('HGET', mail.key, 'a' .. int(n))

    if not meta or not is_attachment(meta) then
        return nil
    end

    return meta, tonumber(meta:match('^%d+')), nil,
        key(account, 'att', blobs_of(mail), int(n))
end


local function read_part(account, mail, part, n, start, window)
    local meta, total, bytes, name = find_part(account, mail, part,
        tonumber(n))

    if not meta or (name and total > 0 and not holds(name, 'string')) then
        return {'NOT_FOUND'}
    end

    start, window = tonumber(start), tonumber(window)

    if start < 0 then
        start = math.max(0, total + start)
    end

    local data = ''
    local count = math.min(window, total - start)

    if count > 0 and name then
        data = call('GETRANGE', name, int(start), int(start + count - 1))
    elseif count > 0 then
        data = bytes:sub(start + 1, start + count)
    end

    return {'OK', mail.ver, meta, total, start, data, name or ''}
end


local function email_part(account, id, ...)
    local mail = find_mail(account, id)

    if not mail then
        return {'NOT_FOUND'}
    end

    return read_part(account, mail, ...)
end


-- key, email id, part (html, raw, att), number of the attachment, first byte
-- (negative: as many from the end), most bytes -> OK, version, field of the
-- attachment or '', length of the whole, first byte, bytes, the key where the
-- others lie or '' · NOT_FOUND
define_api('jm_email_part', {'no-writes'}, 'emails:read',
    {'uuid', 'part', 'count', 'start', 'window'}, email_part)


local function view_create(account, id, hash)
    local name = key(account, 'ticket', hash)

    if not find_mail(account, id) then
        return {'NOT_FOUND'}
    end

    if holds(name, 'string') then
        fail('ticket exists')
    end

    call('SET', name, id, 'PX', TICKET)

    return {'OK', now() + TICKET}
end


-- key, email id, hash of the ticket -> OK, when it ends · NOT_FOUND
define_api('jm_view_create', {}, 'emails:read', {'uuid', 'hash'}, view_create)


local function is_inline_image(mail, n)
    local meta = call('HGET', mail.key, 'a' .. int(tonumber(n))) or ''

    return meta:find('^%d+\nimage/[^\n]*\n[^\n]*\n1$') ~= nil
end


local function view_part(account, hash, part, n, start, window)
    local a = read_hash(account_key(account), {'state'})
    local name = key(account, 'ticket', hash)
    local id = holds(name, 'string') and call('GET', name) or ''
    local mail = a and a.state == 'active' and is_uuid(id)
        and find_mail(account, id)

    if not mail or (part == 'att' and not is_inline_image(mail, n)) then
        return {'NOT_FOUND'}
    end

    local reply = read_part(account, mail, part, n, start, window)

    if reply[1] == 'OK' then
        reply[8] = id
    end

    return reply
end


-- hash of a ticket, part (html, att), number, first byte, most bytes
-- -> as jm_email_part, and the email's id; of attachments inline images only
define('jm_view_part', {'no-writes'}, 'account',
    {'hash', 'viewpart', 'count', 'start', 'window'}, view_part)


-- Changing emails -----------------------------------------------------------

local function changed_flags(flags, wish)
    for bits, value in pairs(wish) do
        if value == '1' then
            flags = bit.bor(flags, bits)
        elseif value == '0' then
            flags = bit.band(flags, bit.bnot(bits))
        end
    end

    return flags
end


-- `isX` members that all of the emails agree on.
local function common_flags(mails)
    local json = ''

    for _, member in ipairs({
        {'isRead', READ}, {'isStarred', STARRED}, {'isDeleted', DELETED}
    }) do
        local first, agreed = has(mails[1].flags, member[2]), true

        for _, mail in ipairs(mails) do
            agreed = agreed and has(mail.flags, member[2]) == first
        end

        if agreed then
            json = json .. ',"' .. member[1] .. '":' .. tostring(first)
        end
    end

    return json
end


local function log_update(account, address_id, mails, at)
    local ids = {}

    for i, mail in ipairs(mails) do
        ids[i] = '"' .. mail.id .. '"'
    end

    local subject = #ids == 1 and '"id":' .. ids[1]
        or '"ids":[' .. table.concat(ids, ',') .. ']'

    return log(account, address_id, 'email.updated', at,
        '{' .. subject .. ',"addressId":"' .. address_id .. '"'
        .. common_flags(mails) .. '}')
end


local function write_flags(account, mail, flags)
    local address = mail.address
    local old_total, old_unread = weight(mail.flags)
    local new_total, new_unread = weight(flags)

    address.total = address.total - old_total + new_total
    address.unread = address.unread - old_unread + new_unread

    reindex(account, mail.addr, mail.id, mail.flags, flags)

    mail.flags = flags
    mail.ver = mail.ver + 1
    call('HSET', mail.key, 'flags', int(flags), 'ver', int(mail.ver))
end


-- Sets the flags wished for on the emails (of one mail_reader()), each address
-- hearing of its own in one event.
local function update_mails(account, mails, wish)
    local groups, order = {}, {}
    local at = now()
    local entry

    check_log(account)

    for _, mail in ipairs(mails) do
        if changed_flags(mail.flags, wish) ~= mail.flags then
            if not groups[mail.addr] then
                check_indexes(account, mail.addr)
                groups[mail.addr] = {}
                order[#order + 1] = mail.addr
            end

            table.insert(groups[mail.addr], mail)
        end
    end

    for _, address_id in ipairs(order) do
        local group = groups[address_id]

        for _, mail in ipairs(group) do
            write_flags(account, mail, changed_flags(mail.flags, wish))
        end

        write_numbers(group[1].address, 'total', 'unread')
        entry = log_update(account, address_id, group, at)
    end

    if entry then
        wake(account, entry)
    end
end


local function wish_for(read, starred, deleted)
    return {[READ] = read, [STARRED] = starred, [DELETED] = deleted}
end


local function email_update(account, read, starred, deleted, ...)
    local ids = {...}
    local read_one = mail_reader(account, now())
    local mails, named = {}, {}

    if #ids > NAMED then
        fail('jm_email_update: too many ids')
    end

    for _, id in ipairs(ids) do
        local mail = not named[id] and read_one(id)

        named[id] = true
        if mail then
            mails[#mails + 1] = mail
        end
    end

    update_mails(account, mails, wish_for(read, starred, deleted))

    local reply = {'OK', #mails}

    for _, mail in ipairs(mails) do
        reply[#reply + 1] = mail.id
        reply[#reply + 1] = list_head(mail)
    end

    return reply
end


-- key, read, starred, deleted (each 0, 1, or '' to leave it), email ids (100)
-- -> OK, how many there are, and of each: id, head
define_api('jm_email_update', {}, 'emails:write',
    {'change', 'change', 'change', 'uuid*'}, email_update)


local function email_update_all(account, read, starred, deleted, address_id,
    cursor)

    local at = now()
    local address = read_address(account, address_id)

    if not is_listed(address) then
        return {'NOT_FOUND'}
    end

    local view = deleted == '0' and 'bin' or 'inbox'
    local name = index(account, address_id, view)
    local from = cursor == '' and '-' or '(' .. cursor
    local ids = holds(name, 'zset')
        and call('ZRANGE', name, from, '+', 'BYLEX', 'LIMIT', 0, SLICE) or {}
    local read_one = mail_reader(account, at)
    local mails = {}

    for _, id in ipairs(ids) do
        mails[#mails + 1] = read_one(id)
    end

    update_mails(account, mails, wish_for(read, starred, deleted))

    return {'OK', #mails, #ids == SLICE and ids[SLICE] or ''}
end


-- key, read, starred, deleted, address id, cursor ('' at first)
-- -> OK, how many, cursor of the next call ('' when done) · NOT_FOUND.  All
-- in the inbox; with deleted = 0, all in the bin.
define_api('jm_email_update_all', {}, 'emails:write',
    {'change', 'change', 'change', 'uuid', 'any_uuid'}, email_update_all)


-- Removing emails -----------------------------------------------------------

-- All keys of an email but its hash, whose field names tell the attachments.
local function keys_of(account, mail)
    local blobs = blobs_of(mail)
    local names = {
        mail.key, key(account, 'raw', mail.id),
        key(account, 'bodies', blobs), key(account, 'detail', blobs),
        key(account, 'html', blobs)
    }

    for _, field in ipairs(call('HKEYS', mail.key)) do
        local n = field:match('^a(%d+)$')

        if n then
            names[#names + 1] = key(account, 'att', blobs, n)
        end
    end

    return names
end


-- Removes the email for good, its log entry too: no subject outlives its mail.
-- The counters of `address` and `a` are changed in place, for the caller to
-- write.
local function remove_mail(account, a, address, mail)
    local total, unread = weight(mail.flags)

    call('XDEL', key(account, 'log'), mail.event)
    call('UNLINK', unpack(keys_of(account, mail)))
    reindex(account, mail.addr, mail.id, mail.flags, nil)

    address.total = address.total - total
    address.unread = address.unread - unread
    address.bytes = address.bytes - mail.size

    if a then
        a.emails = a.emails - 1
        a.bytes = a.bytes - mail.size
    end
end


local function email_delete(account, id, permanent)
    local mail = find_mail(account, id)

    if not mail then
        return {'NOT_FOUND'}
    end

    if permanent == '0' and not has(mail.flags, DELETED) then
        update_mails(account, {mail}, wish_for('', '', '1'))
        return {'OK'}
    end

    local a = read_account(account)

    check_indexes(account, mail.addr)
    check_log(account)

    remove_mail(account, a, mail.address, mail)
    write_numbers(mail.address, 'total', 'unread', 'bytes')
    write_numbers(a, 'emails', 'bytes')
    wake(account, log(account, mail.addr, 'email.deleted', now(),
        '{"id":"' .. id .. '","addressId":"' .. mail.addr .. '"}'))

    return {'OK'}
end


-- key, email id, permanent 0/1 -> OK · NOT_FOUND.  To the bin first; out of
-- the bin, or when permanent, for good.
define_api('jm_email_delete', {'allow-oom'}, 'emails:write', {'uuid', 'bit'},
    email_delete)


-- The event log -------------------------------------------------------------

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


-- What is due ---------------------------------------------------------------

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

    if address.expires == 0 then
        return {'NEVER', address.address}
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
--   NEVER    nothing: it does not expire
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


-- Cleaning again: `junkmaild reclean` --------------------------------------

local function email_stale(account, stamp, after, limit)
    local a = read_account(account)

    if not a or a.state ~= 'active' then
        return {'OK', ''}
    end

    local ids = next_ids(account, 'all', after, tonumber(limit))
    local reply = {'OK', ids[#ids] or ''}

    for _, id in ipairs(ids) do
        local mail = read_hash(key(account, 'mail', id), {'cleaned', 'raw'})

        if mail and mail.cleaned ~= stamp and (mail.raw or '0') ~= '0' then
            reply[#reply + 1] = id
        end
    end

    return reply
end


-- stamp, email id or '', how many to look at -> OK, the last one looked at
-- ('': there are no more), and those of them that were not cleaned by what has
-- the stamp and whose original was kept.
define('jm_email_stale', {'no-writes'}, 'account',
    {'stamp', 'any_uuid', 'slice'}, email_stale)


local function email_original(account, id)
    local mail = mail_reader(account, now())(id)
    local length = mail and tonumber(call('HGET', mail.key, 'raw') or 0) or 0

    if length == 0 then
        return {'NOT_FOUND'}
    end

    local readable, summary = pcall(cjson.decode, '{' .. mail.summary .. '}')
    local to = readable and summary.to

    return {'OK', mail.addr, type(to) == 'string' and to or '', length}
end


-- email id -> OK, address id, the recipient as the sender wrote it, bytes of
-- the original · NOT_FOUND
define('jm_email_original', {'no-writes'}, 'account', {'uuid'},
    email_original)


local function email_reclean(account, id, ...)
    local d = read_delivery(...)
    local new = d.mails[1]
    local mail = mail_reader(account, now())(id)

    if #d.mails ~= 1 or d.raw ~= '0' then
        fail('jm_email_reclean: one email without its original')
    end

    if not mail or mail.addr ~= new.addr then
        return {'NOT_FOUND'}
    end

    local pieces = check_pieces(account, d, new)
    local raw = key(account, 'raw', id)
    local old, fields = {}, {'html'}

    for _, name in ipairs(keys_of(account, mail)) do
        if name ~= mail.key and name ~= raw then
            old[#old + 1] = name
        end
    end

    for _, field in ipairs(call('HKEYS', mail.key)) do
        if field:find('^a%d+$') then
            fields[#fields + 1] = field
        end
    end

    call('UNLINK', unpack(old))
    call('HDEL', mail.key, unpack(fields))

    local flags = bit.bor(bit.band(mail.flags, bit.bnot(ATTACHMENTS)), d.flags)

    call('HSET', mail.key, 'flags', int(flags), 'ver', int(mail.ver + 1),
        'blobs', new.id, unpack(content_fields(d, new)))
    pieces[#pieces + 1] = mail.key
    keep(pieces, mail.address)

    return {'OK'}
end


-- email id, and what jm_email_deliver takes, for one email: in its id's stead
-- the one under which values were written ahead and stay, and no original -> OK
-- · NOT_FOUND.  Flags, ids, counters and the event log stay; the version rises,
-- so that conditional reads see the change.  No event: thousands of them would
-- push everything else out of the log.
define('jm_email_reclean', {}, 'account',
    {'uuid', 'did', 'stamp', 'count', 'bit', 'count', 'blob', 'any_blob',
        'any*'}, email_reclean)


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
