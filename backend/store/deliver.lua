-- Delivery: one mail for some addresses of one account is stored, once.

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
