-- Removing emails for good.

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
