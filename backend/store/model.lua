#!lua name=junkmail_1

--[[

The data model's one home: what Redis holds for JunkMail, and everything that
changes more than one key of it at once.  This file is the first of a library;
the Makefile joins them (STORE) to build/junkmail.lua, whose lines Redis counts
in its errors.  Loaded by junkmaild's supervisor
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
