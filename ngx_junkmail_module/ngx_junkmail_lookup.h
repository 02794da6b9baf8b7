/*
 * Where a recipient's mail goes: one asynchronous look-up in Redis, in two
 * trips (route and domain, of which jm_route.h decides; then the state and
 * quota of the address found).  Called by the SMTP session for each RCPT.
 */

#ifndef _NGX_JUNKMAIL_LOOKUP_H_INCLUDED_
#define _NGX_JUNKMAIL_LOOKUP_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>

#include "jm_route.h"

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
    jm_route_t                   route;   /* the answers of the first trip */
    ngx_uint_t                   waiting; /* replies of it to come */
    unsigned                     failed : 1;
};

/*
 * Looks up `key`, the form of jm_address_key().  `handler` is called once,
 * when the status is no longer PENDING, and never before this function has
 * returned; the status may be AWAY at once, and then no call comes. Destroying
 * the pool ends it silently.  NULL without memory.
 */
ngx_junkmail_lookup_t *ngx_junkmail_lookup(ngx_log_t *log, ngx_str_t *key,
                                           ngx_junkmail_lookup_pt handler,
                                           void                  *data);

#endif /* _NGX_JUNKMAIL_LOOKUP_H_INCLUDED_ */
