/*
 * The one shared-memory zone: two tables of fixed size, allocated once when
 * the zone is made, and the metrics.  Windows count what a key or an address
 * did lately; places count the connections it holds now.  An entry is found in
 * the bucket of its hash under the slab pool's mutex; every critical section
 * is a walk over one bucket.
 *
 * A place has an entry for each worker that holds some of it, so its buckets
 * are longer.  A worker that is killed releases nothing: its entries are found
 * when a place seems to be full, or when a worker gets its process id.
 *
 * The hash is MD5 with a secret of the zone's, so that nobody can choose ids
 * that meet in a bucket.  MD5 serves here for its spread, not for security.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_md5.h>

#include <openssl/rand.h>

#include "ngx_junkmail_stats.h"


#define NGX_JUNKMAIL_STATS_WAYS 8
#define NGX_JUNKMAIL_STATS_PLACES                                             \
    64 /* workers, those of a reload included                                 \
        */

typedef struct {
    uint64_t hash;
    uint32_t end; /* Unix seconds at which the window ends */
    uint32_t count;
} ngx_junkmail_stats_window_t;


/* Counted per worker, so that what a killed worker held can be told apart. */
typedef struct {
    uint64_t hash;
    uint32_t pid;
    uint32_t count; /* 0: free */
} ngx_junkmail_stats_place_t;


typedef struct {
    ngx_junkmail_metrics_t       metrics;
    u_char                       secret[16];
    uint32_t                     windows; /* buckets, a power of two */
    uint32_t                     places;  /* the same */
    ngx_junkmail_stats_window_t *window;
    ngx_junkmail_stats_place_t  *place;
} ngx_junkmail_stats_t;


static ngx_int_t ngx_junkmail_stats_init(ngx_shm_zone_t *zone, void *data);
static uint32_t  ngx_junkmail_stats_buckets(size_t size, size_t bucket);
static uint64_t  ngx_junkmail_stats_hash(ngx_junkmail_stats_t *stats,
                                         ngx_str_t *id, time_t period);
static ngx_junkmail_stats_t *ngx_junkmail_stats(ngx_slab_pool_t **shpool);
static ngx_junkmail_stats_place_t *
ngx_junkmail_place_bucket(ngx_junkmail_stats_t *stats, uint64_t hash);
static ngx_uint_t ngx_junkmail_place_sum(ngx_junkmail_stats_place_t  *p,
                                         uint64_t                     hash,
                                         ngx_junkmail_stats_place_t **own);
static void       ngx_junkmail_place_reap(ngx_junkmail_stats_place_t *p);


ngx_str_t ngx_junkmail_smtp_all = ngx_string("smtp all");

ngx_int_t
ngx_junkmail_stats_zone(ngx_conf_t *cf, ngx_junkmail_conf_t *jcf)
{
    ngx_str_t name = ngx_string("junkmail");

    jcf->zone = ngx_shared_memory_add(cf, &name, jcf->zone_size,
                                      &ngx_junkmail_module);
    if (jcf->zone == NULL) {
        return NGX_ERROR;
    }

    jcf->zone->init = ngx_junkmail_stats_init;
    jcf->zone->data = NULL;

    return NGX_OK;
}


char *
ngx_junkmail_rate_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *p = conf;

    ngx_int_t                 n;
    ngx_str_t                *value;
    ngx_junkmail_rate_conf_t *rate;

    rate = (ngx_junkmail_rate_conf_t *) (p + cmd->offset);

    if (rate->period != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;
    rate->limit = 0;
    rate->period = 60;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    n = NGX_ERROR;

    if (value[1].len > 3) {
        p = (char *) value[1].data + value[1].len - 3;

        if (ngx_strcmp(p, "r/h") == 0) {
            rate->period = 3600;
        }

        if (rate->period == 3600 || ngx_strcmp(p, "r/m") == 0) {
            n = ngx_atoi(value[1].data, value[1].len - 3);
        }
    }

    if (n <= 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" takes \"off\" or a number a minute or an "
                           "hour, as in \"60r/m\" or \"100r/h\", not \"%V\"",
                           &cmd->name, &value[1]);
        return NGX_CONF_ERROR;
    }

    rate->limit = (ngx_uint_t) n;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_junkmail_stats_init(ngx_shm_zone_t *zone, void *data)
{
    size_t                half;
    ngx_slab_pool_t      *shpool;
    ngx_junkmail_stats_t *stats;

    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (data != NULL) {
        zone->data = data; /* a reload: the counts go on */
        return NGX_OK;
    }

    if (zone->shm.exists) {
        zone->data = shpool->data;
        return NGX_OK;
    }

    stats = ngx_slab_calloc(shpool, sizeof(ngx_junkmail_stats_t));
    if (stats == NULL) {
        return NGX_ERROR;
    }

    if (RAND_bytes(stats->secret, sizeof(stats->secret)) != 1) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0, "no random bytes");
        return NGX_ERROR;
    }

    /* A half for the windows, a quarter for places, slack for the pool. */

    half = zone->shm.size / 2;

    stats->windows = ngx_junkmail_stats_buckets(
        half, sizeof(ngx_junkmail_stats_window_t) * NGX_JUNKMAIL_STATS_WAYS);
    stats->places = ngx_junkmail_stats_buckets(
        half / 2,
        sizeof(ngx_junkmail_stats_place_t) * NGX_JUNKMAIL_STATS_PLACES);

    stats->window = ngx_slab_calloc(shpool, sizeof(ngx_junkmail_stats_window_t)
                                                * NGX_JUNKMAIL_STATS_WAYS
                                                * stats->windows);
    stats->place = ngx_slab_calloc(shpool, sizeof(ngx_junkmail_stats_place_t)
                                               * NGX_JUNKMAIL_STATS_PLACES
                                               * stats->places);

    if (stats->window == NULL || stats->place == NULL) {
        return NGX_ERROR;
    }

    shpool->data = stats;
    zone->data = stats;

    return NGX_OK;
}


static uint32_t
ngx_junkmail_stats_buckets(size_t size, size_t bucket)
{
    uint32_t n;

    n = 1;

    while ((size_t) n * 2 * bucket <= size) {
        n *= 2;
    }

    return n;
}


static ngx_junkmail_stats_t *
ngx_junkmail_stats(ngx_slab_pool_t **shpool)
{
    ngx_junkmail_conf_t *jcf;

    jcf = ngx_junkmail_get_conf(ngx_cycle);

    *shpool = (ngx_slab_pool_t *) jcf->zone->shm.addr;

    return jcf->zone->data;
}


/* Windows of different length of one id are different entries. */

static uint64_t
ngx_junkmail_stats_hash(ngx_junkmail_stats_t *stats, ngx_str_t *id,
                        time_t period)
{
    u_char    digest[16];
    uint64_t  hash;
    ngx_md5_t md5;

    ngx_md5_init(&md5);
    ngx_md5_update(&md5, stats->secret, sizeof(stats->secret));
    ngx_md5_update(&md5, &period, sizeof(period));
    ngx_md5_update(&md5, id->data, id->len);
    ngx_md5_final(digest, &md5);

    ngx_memcpy(&hash, digest, sizeof(hash));

    return hash;
}


ngx_int_t
ngx_junkmail_rate(ngx_str_t *id, ngx_uint_t limit, time_t period,
                  ngx_junkmail_rate_t *out)
{
    time_t                       now;
    uint32_t                     count;
    uint64_t                     hash;
    ngx_uint_t                   i;
    ngx_slab_pool_t             *shpool;
    ngx_junkmail_stats_t        *stats;
    ngx_junkmail_stats_window_t *w, *found;

    now = ngx_time();
    stats = ngx_junkmail_stats(&shpool);
    hash = ngx_junkmail_stats_hash(stats, id, period);

    w = &stats
             ->window[(hash & (stats->windows - 1)) * NGX_JUNKMAIL_STATS_WAYS];

    ngx_shmtx_lock(&shpool->mutex);

    /* The entry itself, else the one whose window ends first. */

    found = &w[0];

    for (i = 0; i < NGX_JUNKMAIL_STATS_WAYS; i++) {
        if (w[i].hash == hash) {
            found = &w[i];
            break;
        }

        if (w[i].end < found->end) {
            found = &w[i];
        }
    }

    /* An end beyond the period was set before the clock was put back. */

    if (found->hash != hash || (time_t) found->end <= now
        || (time_t) found->end > now + period)
    {
        found->hash = hash;
        found->end = (uint32_t) (now + period);
        found->count = 0;
    }

    if (found->count <= limit) {
        found->count++;
    }

    count = found->count;
    out->reset = (time_t) found->end;

    ngx_shmtx_unlock(&shpool->mutex);

    out->limit = limit;
    out->remaining = count < limit ? limit - count : 0;

    return count <= limit ? NGX_OK : NGX_BUSY;
}


ngx_int_t
ngx_junkmail_place_take(ngx_str_t *id, ngx_uint_t limit, uint32_t *slot)
{
    uint64_t                    hash;
    ngx_uint_t                  sum;
    ngx_slab_pool_t            *shpool;
    ngx_junkmail_stats_t       *stats;
    ngx_junkmail_stats_place_t *p, *own;

    stats = ngx_junkmail_stats(&shpool);
    hash = ngx_junkmail_stats_hash(stats, id, 0);
    p = ngx_junkmail_place_bucket(stats, hash);

    ngx_shmtx_lock(&shpool->mutex);

    sum = ngx_junkmail_place_sum(p, hash, &own);

    if (sum >= limit || own == NULL) {
        ngx_junkmail_place_reap(p);
        sum = ngx_junkmail_place_sum(p, hash, &own);
    }

    if (sum < limit) {

        if (own != NULL) {
            own->hash = hash;
            own->pid = (uint32_t) ngx_pid;
            own->count++;
            *slot = (uint32_t) (own - stats->place);

        } else {
            /* The bucket is full: not counted. */
            *slot = NGX_JUNKMAIL_PLACE_NONE;
        }
    }

    ngx_shmtx_unlock(&shpool->mutex);

    return sum < limit ? NGX_OK : NGX_BUSY;
}


void
ngx_junkmail_place_release(uint32_t slot)
{
    ngx_slab_pool_t      *shpool;
    ngx_junkmail_stats_t *stats;

    if (slot == NGX_JUNKMAIL_PLACE_NONE) {
        return;
    }

    stats = ngx_junkmail_stats(&shpool);

    ngx_shmtx_lock(&shpool->mutex);

    if (stats->place[slot].count != 0
        && stats->place[slot].pid == (uint32_t) ngx_pid)
    {
        stats->place[slot].count--;
    }

    ngx_shmtx_unlock(&shpool->mutex);
}


ngx_uint_t
ngx_junkmail_place_count(ngx_str_t *id)
{
    uint64_t                    hash;
    ngx_uint_t                  sum;
    ngx_slab_pool_t            *shpool;
    ngx_junkmail_stats_t       *stats;
    ngx_junkmail_stats_place_t *p, *own;

    stats = ngx_junkmail_stats(&shpool);
    hash = ngx_junkmail_stats_hash(stats, id, 0);
    p = ngx_junkmail_place_bucket(stats, hash);

    ngx_shmtx_lock(&shpool->mutex);

    ngx_junkmail_place_reap(p);
    sum = ngx_junkmail_place_sum(p, hash, &own);

    ngx_shmtx_unlock(&shpool->mutex);

    return sum;
}


static ngx_junkmail_stats_place_t *
ngx_junkmail_place_bucket(ngx_junkmail_stats_t *stats, uint64_t hash)
{
    return &stats->place[(hash & (stats->places - 1))
                         * NGX_JUNKMAIL_STATS_PLACES];
}


/*
 * What all workers hold of `hash`; `own` is this worker's entry or else a free
 * one, NULL when there is neither.
 */

static ngx_uint_t
ngx_junkmail_place_sum(ngx_junkmail_stats_place_t *p, uint64_t hash,
                       ngx_junkmail_stats_place_t **own)
{
    ngx_uint_t                  i, sum;
    ngx_junkmail_stats_place_t *empty;

    *own = NULL;
    empty = NULL;
    sum = 0;

    for (i = 0; i < NGX_JUNKMAIL_STATS_PLACES; i++) {

        if (p[i].count == 0) {
            empty = &p[i];
            continue;
        }

        if (p[i].hash == hash) {
            sum += p[i].count;

            if (p[i].pid == (uint32_t) ngx_pid) {
                *own = &p[i];
            }
        }
    }

    if (*own == NULL) {
        *own = empty;
    }

    return sum;
}


/*
 * Frees what killed workers hold.  Workers share one user, so a process that
 * may not be asked has been given the id since.
 */

static void
ngx_junkmail_place_reap(ngx_junkmail_stats_place_t *p)
{
    ngx_uint_t i;

    for (i = 0; i < NGX_JUNKMAIL_STATS_PLACES; i++) {
        if (p[i].count != 0 && p[i].pid != (uint32_t) ngx_pid
            && kill((pid_t) p[i].pid, 0) == -1)
        {
            p[i].count = 0;
        }
    }
}


void
ngx_junkmail_stats_start(ngx_cycle_t *cycle)
{
    ngx_uint_t            i, n;
    ngx_slab_pool_t      *shpool;
    ngx_junkmail_conf_t  *jcf;
    ngx_junkmail_stats_t *stats;

    jcf = ngx_junkmail_get_conf(cycle);

    if (jcf->zone == NULL) {
        return;
    }

    stats = jcf->zone->data;
    shpool = (ngx_slab_pool_t *) jcf->zone->shm.addr;
    n = (ngx_uint_t) stats->places * NGX_JUNKMAIL_STATS_PLACES;

    ngx_shmtx_lock(&shpool->mutex);

    for (i = 0; i < n; i++) {
        if (stats->place[i].pid == (uint32_t) ngx_pid) {
            stats->place[i].count = 0;
        }
    }

    ngx_shmtx_unlock(&shpool->mutex);
}


u_char *
ngx_junkmail_client_id(struct sockaddr *sa, u_char *out)
{
#if (NGX_HAVE_INET6)
    struct sockaddr_in6 *sin6;
#endif

    switch (sa->sa_family) {

    case AF_INET:
        return ngx_cpymem(out, &((struct sockaddr_in *) sa)->sin_addr, 4);

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;

        if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            return ngx_cpymem(out, &sin6->sin6_addr.s6_addr[12], 4);
        }

        return ngx_cpymem(out, &sin6->sin6_addr, 8);
#endif

    default: /* all of a Unix socket are one */
        return out;
    }
}


ngx_junkmail_metrics_t *
ngx_junkmail_stats_metrics(void)
{
    ngx_slab_pool_t *shpool;

    return &ngx_junkmail_stats(&shpool)->metrics;
}
