/*
 * What the core, stream and HTTP parts of the module share: the junkmail {}
 * block.
 */

#ifndef _NGX_JUNKMAIL_H_INCLUDED_
#define _NGX_JUNKMAIL_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>

typedef struct {
    ngx_addr_t      redis;          /* redis unix:/path | ip:port */
    ngx_str_t       redis_user;     /* user=… */
    ngx_str_t       redis_password; /* first line of password_file=… */
    ngx_msec_t      redis_timeout;  /* redis_timeout, 5s */
    size_t          zone_size;      /* zone, 4m */
    ngx_shm_zone_t *zone;           /* ngx_junkmail_stats.c's */
    ngx_array_t     backends;       /* ngx_addr_t, from junkmail_backend in
                                       stream {}; what /healthz asks */
    ngx_str_t wanted_by;            /* a directive that needs the block */
} ngx_junkmail_conf_t;

extern ngx_module_t ngx_junkmail_module;

#define ngx_junkmail_get_conf(cycle)                                          \
    ((ngx_junkmail_conf_t *) ngx_get_conf((cycle)->conf_ctx,                  \
                                          ngx_junkmail_module))

#endif /* _NGX_JUNKMAIL_H_INCLUDED_ */
