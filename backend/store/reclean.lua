-- Cleaning again what was cleaned by an older version: `junkmaild reclean`.

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
