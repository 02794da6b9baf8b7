-- The records of an account, its addresses and emails: how they are read,
-- written, indexed and put into JSON, and how an event enters the log.

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
