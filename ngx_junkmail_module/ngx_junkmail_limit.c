/*
 * The limits of the SMTP servers that hold over all workers.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_junkmail_limit.h"

static ngx_int_t ngx_junkmail_limit_places(ngx_junkmail_limit_t *limit);
static ngx_int_t ngx_junkmail_limit_take(ngx_str_t *id, ngx_uint_t limit,
                                         uint32_t *place);
static ngx_int_t ngx_junkmail_limit_rate(ngx_junkmail_limit_t     *limit,
                                         ngx_junkmail_rate_conf_t *rate);

void
ngx_junkmail_limit_init(ngx_junkmail_limit_t      *limit,
                        ngx_junkmail_limit_conf_t *conf)
{
    limit->conf = conf;
    limit->client.data = limit->client_data;
    limit->client.len = 0;
    limit->places[0] = NGX_JUNKMAIL_PLACE_NONE;
    limit->places[1] = NGX_JUNKMAIL_PLACE_NONE;
}


ngx_int_t
ngx_junkmail_limit_enter(ngx_junkmail_limit_t *limit, struct sockaddr *sa)
{
    u_char   *p;
    ngx_int_t rc;

    ngx_junkmail_limit_leave(limit);
    limit->client.len = 0;

    if (sa != NULL) {
        p = ngx_cpymem(limit->client_data, "smtp ", sizeof("smtp ") - 1);
        limit->client.len = (size_t) (ngx_junkmail_client_id(sa, p)
                                      - limit->client_data);
    }

    rc = ngx_junkmail_limit_places(limit);

    if (rc != NGX_OK) {
        ngx_junkmail_limit_leave(limit);
        ngx_junkmail_count(rc);
    }

    return rc;
}


static ngx_int_t
ngx_junkmail_limit_places(ngx_junkmail_limit_t *limit)
{
    ngx_junkmail_limit_conf_t *conf;

    conf = limit->conf;

    if (ngx_junkmail_limit_rate(limit, &conf->connection_rate) != NGX_OK) {
        return NGX_JUNKMAIL_COUNT_REFUSED_RATE;
    }

    if (limit->client.len != 0
        && ngx_junkmail_limit_take(&limit->client, conf->per_address,
                                   &limit->places[0])
               != NGX_OK)
    {
        return NGX_JUNKMAIL_COUNT_REFUSED_ADDRESS;
    }

    if (ngx_junkmail_limit_take(&ngx_junkmail_smtp_all, conf->connections,
                                &limit->places[1])
        != NGX_OK)
    {
        return NGX_JUNKMAIL_COUNT_REFUSED_TOTAL;
    }

    return NGX_OK;
}


/* Without a limit a place is taken all the same: a reload may set one. */

static ngx_int_t
ngx_junkmail_limit_take(ngx_str_t *id, ngx_uint_t limit, uint32_t *place)
{
    return ngx_junkmail_place_take(id, limit ? limit : NGX_MAX_UINT32_VALUE,
                                   place);
}


static ngx_int_t
ngx_junkmail_limit_rate(ngx_junkmail_limit_t     *limit,
                        ngx_junkmail_rate_conf_t *rate)
{
    ngx_junkmail_rate_t out;

    if (rate->limit == 0 || limit->client.len == 0) {
        return NGX_OK;
    }

    return ngx_junkmail_rate(&limit->client, rate->limit, rate->period, &out);
}


void
ngx_junkmail_limit_leave(ngx_junkmail_limit_t *limit)
{
    ngx_uint_t i;

    for (i = 0; i < 2; i++) {
        ngx_junkmail_place_release(limit->places[i]);
        limit->places[i] = NGX_JUNKMAIL_PLACE_NONE;
    }
}


ngx_uint_t
ngx_junkmail_limit_stressed(ngx_junkmail_limit_t *limit)
{
    ngx_uint_t all;

    all = limit->conf->connections;

    return all != 0
           && ngx_junkmail_place_count(&ngx_junkmail_smtp_all)
                  > all - all / 10;
}


ngx_int_t
ngx_junkmail_limit_unknown(ngx_junkmail_limit_t *limit)
{
    return ngx_junkmail_limit_rate(limit, &limit->conf->unknown_rate);
}
