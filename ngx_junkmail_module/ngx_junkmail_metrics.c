/*
 * The metrics behind ngx_junkmail_metrics.h, and the content handler that
 * prints them (Prometheus' text exposition format 0.0.4).  All is summed in
 * shared memory as it happens: a request reads the sums.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_junkmail.h"
#include "ngx_junkmail_metrics.h"
#include "ngx_junkmail_push.h"
#include "ngx_junkmail_stats.h"


/* Room for every line there can be, of at most 128 bytes. */
#define NGX_JUNKMAIL_METRICS_PAGE                                             \
    ((2 * NGX_JUNKMAIL_COUNTERS                                               \
      + NGX_JUNKMAIL_TIMES * (NGX_JUNKMAIL_METRICS_BUCKETS + 3) + 12          \
      + NGX_JUNKMAIL_METRICS_ROUTES * NGX_JUNKMAIL_METRICS_STATUSES)          \
     * 128)


static u_char *ngx_junkmail_metrics_type(u_char *p, const char *name,
                                         const char *last, const char *type);
static u_char *ngx_junkmail_metrics_counts(u_char                 *p,
                                           ngx_junkmail_metrics_t *m);
static u_char *ngx_junkmail_metrics_gauges(u_char                 *p,
                                           ngx_junkmail_metrics_t *m);
static u_char *ngx_junkmail_metrics_times(u_char                 *p,
                                          ngx_junkmail_metrics_t *m);
static u_char *ngx_junkmail_metrics_requests(u_char                 *p,
                                             ngx_junkmail_metrics_t *m);


static const char *ngx_junkmail_metrics_counters[] = {
    "smtp_connections_total",
    "smtp_refused_total{reason=\"rate\"}",
    "smtp_refused_total{reason=\"address\"}",
    "smtp_refused_total{reason=\"total\"}",
    "smtp_refused_total{reason=\"limit_conn\"}",
    "smtp_ended_total{reason=\"errors\"}",
    "smtp_ended_total{reason=\"unknown\"}",
    "smtp_ended_total{reason=\"junk\"}",
    "smtp_ended_total{reason=\"timeout\"}",
    "smtp_ended_total{reason=\"slow\"}",
    "smtp_ended_total{reason=\"shutdown\"}",
    "smtp_ended_total{reason=\"stranger\"}",
    "smtp_transactions_total",
    "smtp_messages_total",
    "smtp_replies_total{class=\"2\"}",
    "smtp_replies_total{class=\"3\"}",
    "smtp_replies_total{class=\"4\"}",
    "smtp_replies_total{class=\"5\"}",
    "handoffs_total{class=\"2\"}",
    NULL, /* 3, which no answer to a message is */
    "handoffs_total{class=\"4\"}",
    "handoffs_total{class=\"5\"}",
    "push_events_total",
    "push_resets_total",
    "push_ended_total{reason=\"slow\"}",
    "push_ended_total{reason=\"key\"}",
};

static const char *ngx_junkmail_metrics_time_names[] = { "handoff_seconds",
                                                         "store_seconds" };

/* Upper ends in ms; the last bucket has none. */
static const ngx_msec_t
    ngx_junkmail_metrics_ends[NGX_JUNKMAIL_METRICS_BUCKETS - 1] = {
        1, 5, 10, 25, 50, 100, 250, 500, 1000, 5000, 10000
    };

static const ngx_uint_t
    ngx_junkmail_metrics_statuses[NGX_JUNKMAIL_METRICS_STATUSES - 1] = {
        101, 200, 201, 204, 206, 304, 400, 401, 403, 404, 405, 406, 408,
        409, 412, 413, 414, 415, 416, 422, 426, 429, 499, 500, 503
    };


/* Counting. */


void
ngx_junkmail_count(ngx_junkmail_counter_t counter)
{
    ngx_junkmail_metrics_t *m;

    m = ngx_junkmail_stats_metrics();

    (void) ngx_atomic_fetch_add(&m->counters[counter], 1);
}


void
ngx_junkmail_count_request(ngx_uint_t route, ngx_uint_t status)
{
    ngx_uint_t              i;
    ngx_junkmail_metrics_t *m;

    m = ngx_junkmail_stats_metrics();

    for (i = 0; i < NGX_JUNKMAIL_METRICS_STATUSES - 1; i++) {
        if (ngx_junkmail_metrics_statuses[i] == status) {
            break;
        }
    }

    (void) ngx_atomic_fetch_add(&m->requests[route][i], 1);
}


void
ngx_junkmail_count_time(ngx_junkmail_time_t what, ngx_msec_t ms)
{
    ngx_uint_t                i;
    ngx_junkmail_histogram_t *h;

    h = &ngx_junkmail_stats_metrics()->times[what];

    for (i = 0; i < NGX_JUNKMAIL_METRICS_BUCKETS - 1; i++) {
        if (ms <= ngx_junkmail_metrics_ends[i]) {
            break;
        }
    }

    (void) ngx_atomic_fetch_add(&h->buckets[i], 1);
    (void) ngx_atomic_fetch_add(&h->sum, ms);
}


/* The old worker of a reload must not take back what its successor says. */

void
ngx_junkmail_count_link(ngx_uint_t up)
{
    ngx_atomic_t *link;

    link = &ngx_junkmail_stats_metrics()
                ->links[ngx_worker % NGX_JUNKMAIL_METRICS_WORKERS];

    if (up) {
        *link = (ngx_atomic_uint_t) ngx_pid;

    } else {
        (void) ngx_atomic_cmp_set(link, (ngx_atomic_uint_t) ngx_pid, 0);
    }
}


/* Showing. */


ngx_int_t
ngx_junkmail_metrics_handler(ngx_http_request_t *r)
{
    u_char                 *p;
    ngx_int_t               rc;
    ngx_buf_t              *b;
    ngx_chain_t             out;
    ngx_junkmail_metrics_t *m;

    if (!(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    m = ngx_junkmail_stats_metrics();
    b = ngx_create_temp_buf(r->pool, NGX_JUNKMAIL_METRICS_PAGE);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_junkmail_metrics_gauges(b->last, m);
    p = ngx_junkmail_metrics_counts(p, m);
    p = ngx_junkmail_metrics_times(p, m);
    b->last = ngx_junkmail_metrics_requests(p, m);
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = b->last - b->pos;
    ngx_str_set(&r->headers_out.content_type, "text/plain; version=0.0.4");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


/* A family's first line; `last` is the name of the line before it. */

static u_char *
ngx_junkmail_metrics_type(u_char *p, const char *name, const char *last,
                          const char *type)
{
    size_t len;

    len = strcspn(name, "{");

    if (last != NULL && ngx_strncmp(name, last, len) == 0
        && strcspn(last, "{") == len)
    {
        return p;
    }

    return ngx_sprintf(p, "# TYPE junkmail_%*s %s\n", len, name, type);
}


static u_char *
ngx_junkmail_metrics_gauges(u_char *p, ngx_junkmail_metrics_t *m)
{
    ngx_str_t *kind;
    ngx_uint_t i, up;

    static const size_t before = sizeof("push ") - 1;

    up = 0;

    for (i = 0; i < NGX_JUNKMAIL_METRICS_WORKERS; i++) {
        up += m->links[i] != 0;
    }

    p = ngx_junkmail_metrics_type(p, "smtp_connections", NULL, "gauge");
    p = ngx_sprintf(p, "junkmail_smtp_connections %ui\n",
                    ngx_junkmail_place_count(&ngx_junkmail_smtp_all));

    p = ngx_junkmail_metrics_type(p, "push_connections", NULL, "gauge");

    for (i = 0; i < NGX_JUNKMAIL_PUSH_KINDS; i++) {
        kind = &ngx_junkmail_push_kinds[i];
        p = ngx_sprintf(p, "junkmail_push_connections{kind=\"%s\"} %ui\n",
                        kind->data + before, ngx_junkmail_place_count(kind));
    }

    /* Workers whose link to Redis is up. */
    p = ngx_junkmail_metrics_type(p, "redis_links_up", NULL, "gauge");

    return ngx_sprintf(p, "junkmail_redis_links_up %ui\n", up);
}


static u_char *
ngx_junkmail_metrics_counts(u_char *p, ngx_junkmail_metrics_t *m)
{
    ngx_uint_t  i;
    const char *name, *last;

    last = NULL;

    for (i = 0; i < NGX_JUNKMAIL_COUNTERS; i++) {
        name = ngx_junkmail_metrics_counters[i];

        if (name != NULL) {
            p = ngx_junkmail_metrics_type(p, name, last, "counter");
            p = ngx_sprintf(p, "junkmail_%s %uA\n", name, m->counters[i]);
            last = name;
        }
    }

    return p;
}


static u_char *
ngx_junkmail_metrics_times(u_char *p, ngx_junkmail_metrics_t *m)
{
    ngx_uint_t                i, j;
    const char               *name;
    ngx_atomic_uint_t         n;
    ngx_junkmail_histogram_t *h;

    for (i = 0; i < NGX_JUNKMAIL_TIMES; i++) {
        h = &m->times[i];
        name = ngx_junkmail_metrics_time_names[i];
        n = 0;

        p = ngx_junkmail_metrics_type(p, name, NULL, "histogram");

        for (j = 0; j < NGX_JUNKMAIL_METRICS_BUCKETS - 1; j++) {
            n += h->buckets[j];
            p = ngx_sprintf(p, "junkmail_%s_bucket{le=\"%M.%03M\"} %uA\n",
                            name, ngx_junkmail_metrics_ends[j] / 1000,
                            ngx_junkmail_metrics_ends[j] % 1000, n);
        }

        n += h->buckets[j];
        p = ngx_sprintf(p,
                        "junkmail_%s_bucket{le=\"+Inf\"} %uA\n"
                        "junkmail_%s_sum %uA.%03uA\n"
                        "junkmail_%s_count %uA\n",
                        name, n, name, h->sum / 1000, h->sum % 1000, name, n);
    }

    return p;
}


static u_char *
ngx_junkmail_metrics_requests(u_char *p, ngx_junkmail_metrics_t *m)
{
    char              route[64];
    ngx_uint_t        i, j;
    ngx_atomic_uint_t n;

    p = ngx_junkmail_metrics_type(p, "api_requests_total", NULL, "counter");

    for (i = 0; i < NGX_JUNKMAIL_METRICS_ROUTES; i++) {
        ngx_http_junkmail_route_name(i, route, sizeof(route));

        for (j = 0; j < NGX_JUNKMAIL_METRICS_STATUSES; j++) {
            n = m->requests[i][j];

            if (n == 0) {
                continue;
            }

            p = ngx_sprintf(
                p, "junkmail_api_requests_total{route=\"%s\",status=\"",
                route);

            if (j < NGX_JUNKMAIL_METRICS_STATUSES - 1) {
                p = ngx_sprintf(p, "%ui", ngx_junkmail_metrics_statuses[j]);
            } else {
                p = ngx_sprintf(p, "other");
            }

            p = ngx_sprintf(p, "\"} %uA\n", n);
        }
    }

    return p;
}
