/*
 * The reverse name of a client's address: its PTR record, believed only when
 * the name leads back to the address (RFC 1912, 2.1).  Asked of nginx's
 * resolver when a session begins, used by its trace header and its log.
 * Nobody waits for it.
 */

#ifndef _NGX_JUNKMAIL_REVERSE_H_INCLUDED_
#define _NGX_JUNKMAIL_REVERSE_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>

typedef struct {
    ngx_pool_t         *pool;
    ngx_resolver_t     *resolver;
    ngx_msec_t          timeout; /* of each of the two questions */
    ngx_sockaddr_t      sockaddr;
    socklen_t           socklen;
    ngx_resolver_ctx_t *ctx;   /* the question under way, or NULL */
    ngx_str_t           asked; /* what the PTR record says */
    ngx_str_t           name;  /* the same, confirmed; a host name of RFC
                                  1123, or empty */
    unsigned registered : 1;   /* with the pool */
} ngx_junkmail_reverse_t;

/*
 * Starts to ask, and forgets what was asked before; only an address of IPv4 or
 * IPv6 can have a name.  `reverse`, with pool, resolver and timeout set, lives
 * until the pool is destroyed, which ends the question.
 */
void ngx_junkmail_reverse_start(ngx_junkmail_reverse_t *reverse,
                                struct sockaddr *sockaddr, socklen_t socklen);

#endif /* _NGX_JUNKMAIL_REVERSE_H_INCLUDED_ */
