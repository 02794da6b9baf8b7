-- Changing emails: read, starred, in the bin.

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
