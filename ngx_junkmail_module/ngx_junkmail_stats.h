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
#include "ngx_junkmail_metrics.h"

/* Room for what ngx_junkmail_client_id() writes behind its prefix. */
#define NGX_JUNKMAIL_CLIENT_ID 8

/* No place: releasing it does nothing. */
#define NGX_JUNKMAIL_PLACE_NONE ((uint32_t) -1)

/* A directive that takes "off" or a number as in 60r/m or 100r/h. */
typedef struct {
    ngx_uint_t limit;  /* 0: off */
    time_t     period; /* seconds */
} ngx_junkmail_rate_conf_t;

typedef struct {
    ngx_uint_t limit;
    ngx_uint_t remaining;
    time_t     reset; /* Unix seconds at which the window ends */
} ngx_junkmail_rate_t;

/* At configuration time, once. */
ngx_int_t ngx_junkmail_stats_zone(ngx_conf_t *cf, ngx_junkmail_conf_t *jcf);

/* Sets a field of type ngx_junkmail_rate_conf_t, unset by its period. */
char *ngx_junkmail_rate_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

#define ngx_junkmail_merge_rate_value(conf, prev, number, seconds)            \
    if ((conf).period == NGX_CONF_UNSET) {                                    \
        (conf) = (prev);                                                      \
    }                                                                         \
    if ((conf).period == NGX_CONF_UNSET) {                                    \
        (conf).limit = (number);                                              \
        (conf).period = (seconds);                                            \
    }

/*
 * A worker begins: what a killed one with the same process id held is
 * released.
 */
void ngx_junkmail_stats_start(ngx_cycle_t *cycle);

/*
 * Writes to `out` the part of an address that is one client to every limit:
 * an IPv4 address, the /64 of an IPv6 one, nothing of a Unix socket.  Returns
 * the end of it.
 */
u_char *ngx_junkmail_client_id(struct sockaddr *sa, u_char *out);

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

/* The place that every SMTP connection takes. */
extern ngx_str_t ngx_junkmail_smtp_all;

/* How many places `id` has taken, in all workers. */
ngx_uint_t ngx_junkmail_place_count(ngx_str_t *id);

/* What is counted and measured: ngx_junkmail_metrics.h. */
ngx_junkmail_metrics_t *ngx_junkmail_stats_metrics(void);

#endif /* _NGX_JUNKMAIL_STATS_H_INCLUDED_ */
