-- Domains: where mail for a name goes that has no route of its own.

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
