/*
 * The one shared-memory zone of all workers: rate limits (token windows per
 * key or address) and counters.  Nothing in it is truth: it starts empty with
 * every binary.  Owner: ngx_junkmail_stats.c.
 */

#ifndef _NGX_JUNKMAIL_STATS_H_INCLUDED_
#define _NGX_JUNKMAIL_STATS_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_junkmail.h"

typedef struct {
    ngx_uint_t limit;
    ngx_uint_t remaining;
    time_t     reset; /* Unix seconds at which the window ends */
} ngx_junkmail_rate_t;

/* At configuration time, once. */
ngx_int_t ngx_junkmail_stats_zone(ngx_conf_t *cf, ngx_junkmail_conf_t *jcf);

/*
 * Counts one event of `id` (any bytes; hashed) in a fixed window of `period`
 * seconds.  NGX_OK, or NGX_BUSY when over `limit`.  When the zone is full the
 * oldest windows are evicted; never an error.
 */
ngx_int_t ngx_junkmail_rate(ngx_str_t *id, ngx_uint_t limit, time_t period,
                            ngx_junkmail_rate_t *out);

/*
 * Gauge per `id`: open connections of a client address or key.  Returns
 * NGX_BUSY without taking a place when `limit` is reached.  Every NGX_OK is
 * paid back by one release.  `slot` receives what release needs.
 */
ngx_int_t ngx_junkmail_place_take(ngx_str_t *id, ngx_uint_t limit,
                                  uint32_t *slot);
void      ngx_junkmail_place_release(uint32_t slot);

#endif /* _NGX_JUNKMAIL_STATS_H_INCLUDED_ */
