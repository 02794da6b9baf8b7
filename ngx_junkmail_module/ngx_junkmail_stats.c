/*
 * The one shared-memory zone: two tables of fixed size, allocated once when
 * the zone is made.  Windows count what a key or an address did lately; places
 * count the connections it holds now.  An entry is found in the bucket of its
 * hash, eight entries long, under the slab pool's mutex; every critical
 * section is a walk over one bucket.
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

/* A place that was not counted, because its bucket was full. */
#define NGX_JUNKMAIL_STATS_NONE ((uint32_t) -1)


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
    u_char                       secret[16];
    uint32_t                     windows; /* buckets, a power of two */
    uint32_t                     places;  /* the same */
    ngx_junkmail_stats_window_t *window;
    ngx_junkmail_stats_place_t  *place;
} ngx_junkmail_stats_t;


static ngx_int_t ngx_junkmail_stats_init(ngx_shm_zone_t *zone, void *data);
static uint32_t  ngx_junkmail_stats_buckets(size_t size, size_t entry);
static uint64_t  ngx_junkmail_stats_hash(ngx_junkmail_stats_t *stats,
                                         ngx_str_t *id, time_t period);
static ngx_junkmail_stats_t *ngx_junkmail_stats(ngx_slab_pool_t **shpool);
static ngx_uint_t ngx_junkmail_place_dead(ngx_junkmail_stats_place_t *place);


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
        half, sizeof(ngx_junkmail_stats_window_t));
    stats->places = ngx_junkmail_stats_buckets(
        half / 2, sizeof(ngx_junkmail_stats_place_t));

    stats->window = ngx_slab_calloc(shpool, sizeof(ngx_junkmail_stats_window_t)
                                                * NGX_JUNKMAIL_STATS_WAYS
                                                * stats->windows);
    stats->place = ngx_slab_calloc(shpool, sizeof(ngx_junkmail_stats_place_t)
                                               * NGX_JUNKMAIL_STATS_WAYS
                                               * stats->places);

    if (stats->window == NULL || stats->place == NULL) {
        return NGX_ERROR;
    }

    shpool->data = stats;
    zone->data = stats;

    return NGX_OK;
}


static uint32_t
ngx_junkmail_stats_buckets(size_t size, size_t entry)
{
    uint32_t n;

    n = 1;

    while ((size_t) n * 2 * NGX_JUNKMAIL_STATS_WAYS * entry <= size) {
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

    if (found->hash != hash || (time_t) found->end <= now) {
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
    ngx_int_t                   rc;
    ngx_uint_t                  i, n, sum;
    ngx_slab_pool_t            *shpool;
    ngx_junkmail_stats_t       *stats;
    ngx_junkmail_stats_place_t *p, *own, *empty;

    stats = ngx_junkmail_stats(&shpool);
    hash = ngx_junkmail_stats_hash(stats, id, 0);
    n = (hash & (stats->places - 1)) * NGX_JUNKMAIL_STATS_WAYS;
    p = &stats->place[n];

    own = NULL;
    empty = NULL;
    sum = 0;

    ngx_shmtx_lock(&shpool->mutex);

    for (i = 0; i < NGX_JUNKMAIL_STATS_WAYS; i++) {

        if (p[i].count != 0 && ngx_junkmail_place_dead(&p[i])) {
            p[i].count = 0;
        }

        if (p[i].count == 0) {
            empty = &p[i];
            continue;
        }

        if (p[i].hash == hash) {
            sum += p[i].count;

            if (p[i].pid == (uint32_t) ngx_pid) {
                own = &p[i];
            }
        }
    }

    rc = NGX_BUSY;

    if (sum < limit) {
        rc = NGX_OK;

        if (own == NULL && empty != NULL) {
            own = empty;
            own->hash = hash;
            own->pid = (uint32_t) ngx_pid;
        }

        if (own != NULL) {
            own->count++;
            *slot = (uint32_t) (own - stats->place);

        } else {
            *slot = NGX_JUNKMAIL_STATS_NONE;
        }
    }

    ngx_shmtx_unlock(&shpool->mutex);

    return rc;
}


/* A worker that was killed has released nothing. */

static ngx_uint_t
ngx_junkmail_place_dead(ngx_junkmail_stats_place_t *place)
{
    return place->pid != (uint32_t) ngx_pid
           && kill((pid_t) place->pid, 0) == -1 && ngx_errno == ESRCH;
}


void
ngx_junkmail_place_release(uint32_t slot)
{
    ngx_slab_pool_t      *shpool;
    ngx_junkmail_stats_t *stats;

    if (slot == NGX_JUNKMAIL_STATS_NONE) {
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
