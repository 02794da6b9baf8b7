/*
 * Where a recipient's mail goes: one asynchronous look-up in Redis, in two
 * trips (route and domain; then the address's state and quota).  Called by the
 * SMTP session for each RCPT.
 */

#ifndef _NGX_JUNKMAIL_LOOKUP_H_INCLUDED_
#define _NGX_JUNKMAIL_LOOKUP_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>

typedef enum {
    NGX_JUNKMAIL_LOOKUP_PENDING = 0,
    NGX_JUNKMAIL_LOOKUP_FOUND,
    NGX_JUNKMAIL_LOOKUP_UNKNOWN, /* our domain, no such address */
    NGX_JUNKMAIL_LOOKUP_CLOSED,  /* it was one: expired, stopped, deleted */
    NGX_JUNKMAIL_LOOKUP_FULL,    /* over quota */
    NGX_JUNKMAIL_LOOKUP_FOREIGN, /* not a domain of ours */
    NGX_JUNKMAIL_LOOKUP_AWAY     /* Redis did not say */
} ngx_junkmail_lookup_status_t;

typedef void (*ngx_junkmail_lookup_pt)(void *data);

typedef struct ngx_junkmail_lookup_s ngx_junkmail_lookup_t;

struct ngx_junkmail_lookup_s {
    ngx_pool_t                  *pool; /* its own; destroy it to be done */
    ngx_junkmail_lookup_status_t status;
    ngx_junkmail_lookup_pt       handler;
    void                        *data;
    ngx_str_t                    account; /* those of a route that was found */
    ngx_str_t                    id;
    ngx_uint_t                   waiting; /* replies of the first trip */
    unsigned remembered : 1;              /* only its old owner's hash */
    unsigned ours : 1;                    /* the domain */
    unsigned any_domain : 1;              /* <postmaster> */
    unsigned failed : 1;
};

/*
 * Looks up `key`, the form of jm_address_key().  With `any_domain` its domain
 * need not be one of ours.  `handler` is called once, when the status is no
 * longer PENDING, and never before this function has returned; the status may
 * be AWAY at once, and then no call comes.  Destroying the pool ends it
 * silently.  NULL without memory.
 */
ngx_junkmail_lookup_t *ngx_junkmail_lookup(ngx_log_t *log, ngx_str_t *key,
                                           ngx_uint_t             any_domain,
                                           ngx_junkmail_lookup_pt handler,
                                           void                  *data);

#endif /* _NGX_JUNKMAIL_LOOKUP_H_INCLUDED_ */
