/*
 * The look-up behind ngx_junkmail_lookup.h.
 */

#include "ngx_junkmail_lookup.h"
#include "ngx_junkmail_redis.h"

#define NGX_JUNKMAIL_LOOKUP_POOL 2048

static ngx_int_t  ngx_junkmail_lookup_start(ngx_junkmail_lookup_t *lookup,
                                            ngx_str_t             *key);
static void       ngx_junkmail_lookup_route(void *data, redisReply *reply);
static void       ngx_junkmail_lookup_domain(void *data, redisReply *reply);
static void       ngx_junkmail_lookup_keep(ngx_junkmail_lookup_t *lookup,
                                           redisReply *reply, jm_str_t *first,
                                           jm_str_t *second, jm_str_t *third);
static void       ngx_junkmail_lookup_second(ngx_junkmail_lookup_t *lookup);
static ngx_int_t  ngx_junkmail_lookup_check(ngx_junkmail_lookup_t *lookup);
static void       ngx_junkmail_lookup_checked(void *data, redisReply *reply);
static void       ngx_junkmail_lookup_done(ngx_junkmail_lookup_t       *lookup,
                                           ngx_junkmail_lookup_status_t status);
static ngx_str_t *ngx_junkmail_lookup_key(ngx_pool_t *pool, ngx_str_t *out,
                                          const char *prefix, u_char *data,
                                          size_t len);
static ngx_int_t  ngx_junkmail_lookup_copy(ngx_pool_t *pool, jm_str_t *out,
                                           redisReply *reply);

/* The statuses of jm_rcpt_check; any other word is not understood: AWAY. */
static const struct {
    const char                  *word;
    ngx_junkmail_lookup_status_t status;
} ngx_junkmail_lookup_words[] = {
    { "OK", NGX_JUNKMAIL_LOOKUP_FOUND },
    { "UNKNOWN", NGX_JUNKMAIL_LOOKUP_UNKNOWN },
    { "STOPPED", NGX_JUNKMAIL_LOOKUP_CLOSED },
    { "EXPIRED", NGX_JUNKMAIL_LOOKUP_CLOSED },
    { "FULL", NGX_JUNKMAIL_LOOKUP_FULL },
};

/* What follows from jm_route_status_t. */
static const ngx_junkmail_lookup_status_t ngx_junkmail_lookup_routes[] = {
    [JM_ROUTE_FOUND] = NGX_JUNKMAIL_LOOKUP_FOUND,
    [JM_ROUTE_UNKNOWN] = NGX_JUNKMAIL_LOOKUP_UNKNOWN,
    [JM_ROUTE_CLOSED] = NGX_JUNKMAIL_LOOKUP_CLOSED,
    [JM_ROUTE_FOREIGN] = NGX_JUNKMAIL_LOOKUP_FOREIGN,
    [JM_ROUTE_BROKEN] = NGX_JUNKMAIL_LOOKUP_AWAY,
};


ngx_junkmail_lookup_t *
ngx_junkmail_lookup(ngx_log_t *log, ngx_str_t *key,
                    ngx_junkmail_lookup_pt handler, void *data)
{
    ngx_pool_t            *pool;
    ngx_junkmail_lookup_t *lookup;

    pool = ngx_create_pool(NGX_JUNKMAIL_LOOKUP_POOL, log);
    if (pool == NULL) {
        return NULL;
    }

    lookup = ngx_pcalloc(pool, sizeof(ngx_junkmail_lookup_t));
    if (lookup == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    lookup->pool = pool;
    lookup->handler = handler;
    lookup->data = data;

    if (ngx_junkmail_lookup_start(lookup, key) != NGX_OK) {
        lookup->status = NGX_JUNKMAIL_LOOKUP_AWAY;
    }

    return lookup;
}


/* Both questions of the first trip leave in one write. */

static ngx_int_t
ngx_junkmail_lookup_start(ngx_junkmail_lookup_t *lookup, ngx_str_t *key)
{
    u_char   *domain;
    size_t    len;
    ngx_str_t route[5], policy[5];

    len = 0;

    while (len < key->len && key->data[key->len - len - 1] != '@') {
        len++;
    }

    domain = key->data + key->len - len;

    ngx_str_set(&route[0], "HMGET");
    ngx_str_set(&route[2], "account");
    ngx_str_set(&route[3], "id");
    ngx_str_set(&route[4], "owner");
    ngx_str_set(&policy[0], "FCALL_RO");
    ngx_str_set(&policy[1], "jm_domain_route");
    ngx_str_set(&policy[2], "1");
    policy[4].data = key->data;
    policy[4].len = key->len - len - 1;

    if (ngx_junkmail_lookup_key(lookup->pool, &route[1], "jm:route:{",
                                key->data, key->len)
            == NULL
        || ngx_junkmail_lookup_key(lookup->pool, &policy[3], "jm:domain:{",
                                   domain, len)
               == NULL)
    {
        return NGX_ERROR;
    }

    if (ngx_junkmail_redis_command(lookup->pool, ngx_junkmail_lookup_route,
                                   lookup, 5, route)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    lookup->waiting = 1;

    /* From here on the first reply ends the look-up. */
    if (ngx_junkmail_redis_command(lookup->pool, ngx_junkmail_lookup_domain,
                                   lookup, 5, policy)
        == NGX_OK)
    {
        lookup->waiting = 2;

    } else {
        lookup->failed = 1;
    }

    return NGX_OK;
}


static void
ngx_junkmail_lookup_route(void *data, redisReply *reply)
{
    ngx_junkmail_lookup_t *lookup = data;

    ngx_junkmail_lookup_keep(lookup, reply, &lookup->route.account,
                             &lookup->route.id, &lookup->route.owner);
}


static void
ngx_junkmail_lookup_domain(void *data, redisReply *reply)
{
    ngx_junkmail_lookup_t *lookup = data;

    ngx_junkmail_lookup_keep(lookup, reply, &lookup->route.word,
                             &lookup->route.domain_account,
                             &lookup->route.domain_id);
}


/* Keeps what a reply of the first trip says; when both are there, decides. */

static void
ngx_junkmail_lookup_keep(ngx_junkmail_lookup_t *lookup, redisReply *reply,
                         jm_str_t *first, jm_str_t *second, jm_str_t *third)
{
    size_t          i;
    jm_str_t *const to[] = { first, second, third };

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        lookup->failed = 1;

    } else {
        for (i = 0; i < reply->elements && i < 3; i++) {
            if (ngx_junkmail_lookup_copy(lookup->pool, to[i],
                                         reply->element[i])
                != NGX_OK) {
                lookup->failed = 1;
            }
        }
    }

    if (--lookup->waiting == 0) {
        ngx_junkmail_lookup_second(lookup);
    }
}


/* What follows from the first trip. */

static void
ngx_junkmail_lookup_second(ngx_junkmail_lookup_t *lookup)
{
    ngx_junkmail_lookup_status_t status;

    status = NGX_JUNKMAIL_LOOKUP_AWAY;

    if (!lookup->failed) {
        status = ngx_junkmail_lookup_routes[jm_route_decide(&lookup->route)];
    }

    if (status == NGX_JUNKMAIL_LOOKUP_FOUND) {
        if (ngx_junkmail_lookup_check(lookup) == NGX_OK) {
            return;
        }

        status = NGX_JUNKMAIL_LOOKUP_AWAY;
    }

    ngx_junkmail_lookup_done(lookup, status);
}


static ngx_int_t
ngx_junkmail_lookup_check(ngx_junkmail_lookup_t *lookup)
{
    ngx_str_t argv[5];

    ngx_str_set(&argv[0], "FCALL_RO");
    ngx_str_set(&argv[1], "jm_rcpt_check");
    ngx_str_set(&argv[2], "1");
    argv[4].data = lookup->route.id.data;
    argv[4].len = lookup->route.id.len;

    if (ngx_junkmail_lookup_key(lookup->pool, &argv[3], "jm:{",
                                lookup->route.account.data,
                                lookup->route.account.len)
        == NULL)
    {
        return NGX_ERROR;
    }

    return ngx_junkmail_redis_command(
        lookup->pool, ngx_junkmail_lookup_checked, lookup, 5, argv);
}


static void
ngx_junkmail_lookup_checked(void *data, redisReply *reply)
{
    size_t                       i, n;
    redisReply                  *word;
    ngx_junkmail_lookup_status_t status;

    status = NGX_JUNKMAIL_LOOKUP_AWAY;

    if (reply != NULL && reply->type == REDIS_REPLY_ARRAY
        && reply->elements > 0) {
        word = reply->element[0];
        n = sizeof(ngx_junkmail_lookup_words)
            / sizeof(ngx_junkmail_lookup_words[0]);

        for (i = 0; i < n; i++) {
            if ((word->type == REDIS_REPLY_STRING
                 || word->type == REDIS_REPLY_STATUS)
                && ngx_strcmp(word->str, ngx_junkmail_lookup_words[i].word)
                       == 0)
            {
                status = ngx_junkmail_lookup_words[i].status;
            }
        }
    }

    ngx_junkmail_lookup_done(data, status);
}


static void
ngx_junkmail_lookup_done(ngx_junkmail_lookup_t       *lookup,
                         ngx_junkmail_lookup_status_t status)
{
    lookup->status = status;
    lookup->handler(lookup->data);
}


/* A Redis key: prefix, what is in the hash tag, and its closing brace. */

static ngx_str_t *
ngx_junkmail_lookup_key(ngx_pool_t *pool, ngx_str_t *out, const char *prefix,
                        u_char *data, size_t len)
{
    size_t size;

    size = ngx_strlen(prefix) + len + 1;

    out->data = ngx_pnalloc(pool, size);
    if (out->data == NULL) {
        return NULL;
    }

    out->len = (size_t) (ngx_slprintf(out->data, out->data + size, "%s%*s}",
                                      prefix, len, data)
                         - out->data);

    return out;
}


/* A string, or nothing, kept. */

static ngx_int_t
ngx_junkmail_lookup_copy(ngx_pool_t *pool, jm_str_t *out, redisReply *reply)
{
    if (reply->type == REDIS_REPLY_NIL) {
        return NGX_OK;
    }

    if (reply->type != REDIS_REPLY_STRING) {
        return NGX_ERROR;
    }

    out->data = ngx_pnalloc(pool, reply->len);
    if (out->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(out->data, reply->str, reply->len);
    out->len = reply->len;

    return NGX_OK;
}
