/*
 * The core part of the module: the junkmail {} block of the main context,
 * which says where Redis is, how long it may take to answer, and how large the
 * workers' shared memory is.  The stream and HTTP parts read it through
 * ngx_junkmail_get_conf().
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_junkmail.h"
#include "ngx_junkmail_stats.h"


#define NGX_JUNKMAIL_CONF      0x02000000
#define NGX_JUNKMAIL_ZONE_SIZE (4 * 1024 * 1024)


static void     *ngx_junkmail_create_conf(ngx_cycle_t *cycle);
static char     *ngx_junkmail_init_conf(ngx_cycle_t *cycle, void *conf);
static ngx_int_t ngx_junkmail_init_process(ngx_cycle_t *cycle);
static char     *ngx_junkmail_block(ngx_conf_t *cf, ngx_command_t *cmd,
                                    void *conf);
static char     *ngx_junkmail_redis(ngx_conf_t *cf, ngx_command_t *cmd,
                                    void *conf);
static char *ngx_junkmail_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static ngx_int_t ngx_junkmail_password(ngx_conf_t *cf, ngx_str_t *file,
                                       ngx_str_t *password);


static ngx_command_t ngx_junkmail_commands[] = {

    { ngx_string("junkmail"),
      NGX_MAIN_CONF | NGX_CONF_BLOCK | NGX_CONF_NOARGS | NGX_DIRECT_CONF,
      ngx_junkmail_block, 0, 0, NULL },

    { ngx_string("redis"),
      NGX_JUNKMAIL_CONF | NGX_DIRECT_CONF | NGX_CONF_1MORE, ngx_junkmail_redis,
      0, 0, NULL },

    { ngx_string("redis_timeout"),
      NGX_JUNKMAIL_CONF | NGX_DIRECT_CONF | NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot, 0, offsetof(ngx_junkmail_conf_t, redis_timeout),
      NULL },

    { ngx_string("zone"), NGX_JUNKMAIL_CONF | NGX_DIRECT_CONF | NGX_CONF_TAKE1,
      ngx_junkmail_zone, 0, 0, NULL },

    ngx_null_command
};


static ngx_core_module_t ngx_junkmail_module_ctx = { ngx_string("junkmail"),
                                                     ngx_junkmail_create_conf,
                                                     ngx_junkmail_init_conf };


ngx_module_t ngx_junkmail_module = { NGX_MODULE_V1,
                                     &ngx_junkmail_module_ctx,
                                     ngx_junkmail_commands,
                                     NGX_CORE_MODULE,
                                     NULL, /* init master */
                                     NULL, /* init module */
                                     ngx_junkmail_init_process,
                                     NULL, /* init thread */
                                     NULL, /* exit thread */
                                     NULL, /* exit process */
                                     NULL, /* exit master */
                                     NGX_MODULE_V1_PADDING };


static void *
ngx_junkmail_create_conf(ngx_cycle_t *cycle)
{
    ngx_junkmail_conf_t *jcf;

    /*
     * set by ngx_pcalloc():
     *
     *     jcf->redis = { NULL };
     *     jcf->redis_user = { 0, NULL };
     *     jcf->redis_password = { 0, NULL };
     *     jcf->zone = NULL;
     *     jcf->wanted_by = { 0, NULL };
     */

    jcf = ngx_pcalloc(cycle->pool, sizeof(ngx_junkmail_conf_t));
    if (jcf == NULL) {
        return NULL;
    }

    jcf->redis_timeout = NGX_CONF_UNSET_MSEC;
    jcf->zone_size = NGX_CONF_UNSET_SIZE;

    if (ngx_array_init(&jcf->backends, cycle->pool, 1, sizeof(ngx_addr_t))
        != NGX_OK)
    {
        return NULL;
    }

    return jcf;
}


/* The whole configuration has been read, whatever the order of its blocks. */

static char *
ngx_junkmail_init_conf(ngx_cycle_t *cycle, void *conf)
{
    ngx_junkmail_conf_t *jcf = conf;

    if (jcf->wanted_by.len && jcf->zone == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "\"%V\" needs a \"junkmail\" block with \"redis\" in "
                      "the main context",
                      &jcf->wanted_by);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_junkmail_init_process(ngx_cycle_t *cycle)
{
    ngx_junkmail_stats_start(cycle);

    return NGX_OK;
}


static char *
ngx_junkmail_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_junkmail_conf_t *jcf = conf;

    char      *rv;
    ngx_uint_t type;

    if (jcf->zone != NULL) {
        return "is duplicate";
    }

    type = cf->cmd_type;
    cf->cmd_type = NGX_JUNKMAIL_CONF;

    rv = ngx_conf_parse(cf, NULL);

    cf->cmd_type = type;

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (jcf->redis.sockaddr == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"junkmail\" block has no \"redis\" directive");
        return NGX_CONF_ERROR;
    }

    ngx_conf_init_msec_value(jcf->redis_timeout, 5000);
    ngx_conf_init_size_value(jcf->zone_size, NGX_JUNKMAIL_ZONE_SIZE);

    if (jcf->redis_timeout == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"redis_timeout\" must not be zero");
        return NGX_CONF_ERROR;
    }

    if (ngx_junkmail_stats_zone(cf, jcf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_junkmail_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_junkmail_conf_t *jcf = conf;

    ngx_url_t  u;
    ngx_str_t *value, file;
    ngx_uint_t i;

    if (jcf->redis.sockaddr != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    ngx_memzero(&u, sizeof(ngx_url_t));
    u.url = value[1];
    u.default_port = 6379;

    /* A name would have to be looked up at every connection, blocking. */

    u.no_resolve = 1;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK || u.naddrs == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"redis\" takes unix:/path or a numeric "
                           "address:port, not \"%V\"%s%s",
                           &value[1], u.err ? ": " : "", u.err ? u.err : "");
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "user=", 5) == 0) {
            jcf->redis_user.data = value[i].data + 5;
            jcf->redis_user.len = value[i].len - 5;
            continue;
        }

        if (ngx_strncmp(value[i].data, "password_file=", 14) == 0) {
            file.data = value[i].data + 14;
            file.len = value[i].len - 14;

            if (ngx_junkmail_password(cf, &file, &jcf->redis_password)
                != NGX_OK) {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"redis\" has an unknown parameter \"%V\"",
                           &value[i]);
        return NGX_CONF_ERROR;
    }

    if (jcf->redis_user.len && jcf->redis_password.len == 0) {
        return "has \"user=\" without \"password_file=\"";
    }

    jcf->redis = u.addrs[0];

    return NGX_CONF_OK;
}


/* The first line of `file`; read by the master, which may be the only one
 * allowed to. */

static ngx_int_t
ngx_junkmail_password(ngx_conf_t *cf, ngx_str_t *file, ngx_str_t *password)
{
    u_char   buf[512];
    size_t   len;
    ssize_t  n;
    ngx_fd_t fd;

    if (ngx_conf_full_name(cf->cycle, file, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(file->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"redis\": " ngx_open_file_n " \"%V\" failed",
                           file);
        return NGX_ERROR;
    }

    n = ngx_read_fd(fd, buf, sizeof(buf));

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_ALERT, cf, ngx_errno,
                           ngx_close_file_n " \"%V\" failed", file);
    }

    for (len = 0; (ssize_t) len < n; len++) {
        if (buf[len] == LF || buf[len] == CR) {
            break;
        }
    }

    if (len == 0 || len == sizeof(buf)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"redis\": no password of 1 to 511 octets in the "
                           "first line of \"%V\"",
                           file);
        return NGX_ERROR;
    }

    password->len = len;
    password->data = ngx_pnalloc(cf->pool, len);
    if (password->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(password->data, buf, len);
    ngx_explicit_memzero(buf, sizeof(buf));

    return NGX_OK;
}


static char *
ngx_junkmail_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_junkmail_conf_t *jcf = conf;

    ssize_t    size;
    ngx_str_t *value;

    if (jcf->zone_size != NGX_CONF_UNSET_SIZE) {
        return "is duplicate";
    }

    value = cf->args->elts;
    size = ngx_parse_size(&value[1]);

    if (size == NGX_ERROR || size < (ssize_t) (32 * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"zone\" takes a size of at least %uz, not \"%V\"",
                           32 * ngx_pagesize, &value[1]);
        return NGX_CONF_ERROR;
    }

    jcf->zone_size = size;

    return NGX_CONF_OK;
}
