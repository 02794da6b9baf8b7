/*
 * What one client, and all of them together, may take of the SMTP servers:
 * connections now, new ones in a time, recipients that do not exist.  Counted
 * in the shared zone, so in all workers.  Called by the session.
 */

#ifndef _NGX_JUNKMAIL_LIMIT_H_INCLUDED_
#define _NGX_JUNKMAIL_LIMIT_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_junkmail_stats.h"

/* The directives; 0 is no limit. */
typedef struct {
    ngx_uint_t               connections;     /* junkmail_connections */
    ngx_uint_t               per_address;     /* …_per_address */
    ngx_junkmail_rate_conf_t connection_rate; /* junkmail_connection_rate */
    ngx_junkmail_rate_conf_t unknown_rate;    /* junkmail_unknown_rate */
} ngx_junkmail_limit_conf_t;

/* What a connection holds. */
typedef struct {
    ngx_junkmail_limit_conf_t *conf;
    ngx_str_t                  client; /* who counts as one; empty: none */
    u_char   client_data[sizeof("smtp ") + NGX_JUNKMAIL_CLIENT_ID];
    uint32_t places[2]; /* of its address, of all */
} ngx_junkmail_limit_t;

/* For a connection, which holds nothing yet. */
void ngx_junkmail_limit_init(ngx_junkmail_limit_t      *limit,
                             ngx_junkmail_limit_conf_t *conf);

/*
 * NGX_OK, and the connection holds its places until it leaves; or one of
 * NGX_JUNKMAIL_COUNT_REFUSED_*, counted already, and it holds none.  It is
 * `sa`'s; without one, a proxy's that will tell whose, by a second call.
 */
ngx_int_t ngx_junkmail_limit_enter(ngx_junkmail_limit_t *limit,
                                   struct sockaddr      *sa);

/* Gives the places back; harmless when there are none. */
void ngx_junkmail_limit_leave(ngx_junkmail_limit_t *limit);

/* Whether so many connections are open that idle ones should go: 90 %. */
ngx_uint_t ngx_junkmail_limit_stressed(ngx_junkmail_limit_t *limit);

/* A recipient that does not exist: NGX_BUSY when the address, over all its
 * sessions, has named too many. */
ngx_int_t ngx_junkmail_limit_unknown(ngx_junkmail_limit_t *limit);

#endif /* _NGX_JUNKMAIL_LIMIT_H_INCLUDED_ */
