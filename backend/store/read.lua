-- Reading emails: lists, searches, one email, its parts and its view.

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
