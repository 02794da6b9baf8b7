/*
 * What is counted and measured, over all workers, in the zone of
 * ngx_junkmail_stats.c; GET of a junkmail_metrics location shows it in
 * Prometheus' text format.  Counting never waits.  Owner:
 * ngx_junkmail_metrics.c.
 */

#ifndef _NGX_JUNKMAIL_METRICS_H_INCLUDED_
#define _NGX_JUNKMAIL_METRICS_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>

#define NGX_JUNKMAIL_METRICS_ROUTES   64 /* of the API; one is for none */
#define NGX_JUNKMAIL_METRICS_STATUSES 26 /* one is for all others */
#define NGX_JUNKMAIL_METRICS_BUCKETS  12 /* of a histogram */
#define NGX_JUNKMAIL_METRICS_WORKERS  256

/* What is counted since the binary was started; names in metrics.c. */
typedef enum {
    NGX_JUNKMAIL_COUNT_CONNECTIONS = 0,
    NGX_JUNKMAIL_COUNT_REFUSED_RATE, /* refused instead of greeted */
    NGX_JUNKMAIL_COUNT_REFUSED_ADDRESS,
    NGX_JUNKMAIL_COUNT_REFUSED_TOTAL,
    NGX_JUNKMAIL_COUNT_REFUSED_LIMIT_CONN,
    NGX_JUNKMAIL_COUNT_ENDED_ERRORS, /* ended by us */
    NGX_JUNKMAIL_COUNT_ENDED_UNKNOWN,
    NGX_JUNKMAIL_COUNT_ENDED_JUNK,
    NGX_JUNKMAIL_COUNT_ENDED_TIMEOUT,
    NGX_JUNKMAIL_COUNT_ENDED_SLOW,
    NGX_JUNKMAIL_COUNT_ENDED_SHUTDOWN,
    NGX_JUNKMAIL_COUNT_ENDED_STRANGER,
    NGX_JUNKMAIL_COUNT_TRANSACTIONS,
    NGX_JUNKMAIL_COUNT_MESSAGES,
    NGX_JUNKMAIL_COUNT_REPLIES_2, /* by class, in order */
    NGX_JUNKMAIL_COUNT_REPLIES_3,
    NGX_JUNKMAIL_COUNT_REPLIES_4,
    NGX_JUNKMAIL_COUNT_REPLIES_5,
    NGX_JUNKMAIL_COUNT_HANDOFFS_2, /* by the class of the answer, in order */
    NGX_JUNKMAIL_COUNT_HANDOFFS_4 = NGX_JUNKMAIL_COUNT_HANDOFFS_2 + 2,
    NGX_JUNKMAIL_COUNT_HANDOFFS_5,
    NGX_JUNKMAIL_COUNT_PUSH_EVENTS, /* given to a listener */
    NGX_JUNKMAIL_COUNT_PUSH_RESETS,
    NGX_JUNKMAIL_COUNT_PUSH_SLOW, /* ended by us */
    NGX_JUNKMAIL_COUNT_PUSH_KEY,
    NGX_JUNKMAIL_COUNTERS
} ngx_junkmail_counter_t;

/* What is measured, in milliseconds. */
typedef enum {
    NGX_JUNKMAIL_TIME_HANDOFF =
        0,                   /* of a message to the backend, retries in */
    NGX_JUNKMAIL_TIME_STORE, /* Redis's answer to a request of ours */
    NGX_JUNKMAIL_TIMES
} ngx_junkmail_time_t;

typedef struct {
    ngx_atomic_t buckets[NGX_JUNKMAIL_METRICS_BUCKETS]; /* not cumulative */
    ngx_atomic_t sum;                                   /* ms */
} ngx_junkmail_histogram_t;

/* Lies in the zone, zeroed. */
typedef struct {
    ngx_atomic_t             counters[NGX_JUNKMAIL_COUNTERS];
    ngx_junkmail_histogram_t times[NGX_JUNKMAIL_TIMES];
    ngx_atomic_t             requests[NGX_JUNKMAIL_METRICS_ROUTES]
                         [NGX_JUNKMAIL_METRICS_STATUSES];

    /* Process id of the worker whose link to Redis is up, by its number: one
     * that is killed is followed by another of the same number. */
    ngx_atomic_t links[NGX_JUNKMAIL_METRICS_WORKERS];
} ngx_junkmail_metrics_t;

/* Adds one to a counter. */
void ngx_junkmail_count(ngx_junkmail_counter_t counter);

/* An answer of the API's; `route` is its row of the route table. */
void ngx_junkmail_count_request(ngx_uint_t route, ngx_uint_t status);

/* Something took so long. */
void ngx_junkmail_count_time(ngx_junkmail_time_t what, ngx_msec_t ms);

/* This worker's link for commands has come up, or is lost. */
void ngx_junkmail_count_link(ngx_uint_t up);

#endif /* _NGX_JUNKMAIL_METRICS_H_INCLUDED_ */
