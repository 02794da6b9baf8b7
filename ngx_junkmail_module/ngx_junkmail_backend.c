/*
 * The choice behind ngx_junkmail_backend.h.
 */

#include "ngx_junkmail_backend.h"

#define NGX_JUNKMAIL_BACKEND_REST 10000 /* ms it is tried last */

static ngx_uint_t ngx_junkmail_backend_rests(ngx_junkmail_backend_t *backend);


ngx_uint_t
ngx_junkmail_backend_next(ngx_array_t *backends, ngx_uint_t *tries)
{
    ngx_uint_t              i, best;
    ngx_junkmail_backend_t *backend;

    backend = backends->elts;
    best = 0;

    for (i = 1; i < backends->nelts; i++) {
        if (tries[i] < tries[best]
            || (tries[i] == tries[best]
                && ngx_junkmail_backend_rests(&backend[best])
                && !ngx_junkmail_backend_rests(&backend[i])))
        {
            best = i;
        }
    }

    return best;
}


static ngx_uint_t
ngx_junkmail_backend_rests(ngx_junkmail_backend_t *backend)
{
    return backend->down
           && ngx_current_msec - backend->failed < NGX_JUNKMAIL_BACKEND_REST;
}


void
ngx_junkmail_backend_failed(ngx_array_t *backends, ngx_uint_t i)
{
    ngx_junkmail_backend_t *backend;

    backend = backends->elts;
    backend[i].down = 1;
    backend[i].failed = ngx_current_msec;
}


void
ngx_junkmail_backend_served(ngx_array_t *backends, ngx_uint_t i)
{
    ngx_junkmail_backend_t *backend;

    backend = backends->elts;
    backend[i].down = 0;
}
