/*
 * The LMTP servers of one server {}, in the order of junkmail_backend, and
 * which of them is to be tried next.  Called by the hand-off only.
 *
 * A server that failed is tried last for a while.  Each worker process knows
 * that for itself; the array lives in the configuration's memory, of which
 * every worker has its own copy.
 */

#ifndef _NGX_JUNKMAIL_BACKEND_H_INCLUDED_
#define _NGX_JUNKMAIL_BACKEND_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>

typedef struct {
    ngx_addr_t addr;
    ngx_msec_t failed;   /* when it failed last */
    unsigned   down : 1; /* it did, and nothing has succeeded since */
} ngx_junkmail_backend_t;

/*
 * The backend for the next try: the one tried least in this hand-off, of
 * those one that has not failed lately, of those the first.  `tries` counts
 * for each backend, by its index.
 */
ngx_uint_t ngx_junkmail_backend_next(ngx_array_t *backends, ngx_uint_t *tries);

void ngx_junkmail_backend_failed(ngx_array_t *backends, ngx_uint_t i);
void ngx_junkmail_backend_served(ngx_array_t *backends, ngx_uint_t i);

#endif /* _NGX_JUNKMAIL_BACKEND_H_INCLUDED_ */
