/*
 * The stream part of the module: directives of a server {} that speaks SMTP,
 * and the $junkmail_* variables for its access_log.  The session itself is in
 * ngx_junkmail_smtp.c.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_stream.h>

#include "ngx_junkmail.h"
#include "ngx_junkmail_smtp.h"

#include "jm_address.h"

/* Beside nginx's own temporary directories, as Debian lays them out. */
#ifndef NGX_JUNKMAIL_SPOOL_PATH
#define NGX_JUNKMAIL_SPOOL_PATH "/var/lib/nginx/junkmail"
#endif

static ngx_int_t ngx_stream_junkmail_preconfiguration(ngx_conf_t *cf);
static void     *ngx_stream_junkmail_create_srv_conf(ngx_conf_t *cf);
static char *ngx_stream_junkmail_merge_srv_conf(ngx_conf_t *cf, void *parent,
                                                void *child);
static void  ngx_stream_junkmail_merge_timed(ngx_junkmail_timed_t *conf,
                                             ngx_junkmail_timed_t *prev,
                                             size_t number, ngx_msec_t time);
static char *
ngx_stream_junkmail_hostname(ngx_conf_t                     *cf,
                             ngx_stream_junkmail_srv_conf_t *conf);
static void
ngx_stream_junkmail_session_conf(ngx_stream_junkmail_srv_conf_t *conf);
static char *ngx_stream_junkmail_smtp(ngx_conf_t *cf, ngx_command_t *cmd,
                                      void *conf);
static char *ngx_stream_junkmail_backend(ngx_conf_t *cf, ngx_command_t *cmd,
                                         void *conf);
static ngx_int_t ngx_stream_junkmail_backend_add(ngx_conf_t  *cf,
                                                 ngx_array_t *backends,
                                                 ngx_str_t   *value);
static char *ngx_stream_junkmail_starttls(ngx_conf_t *cf, ngx_command_t *cmd,
                                          void *conf);

static char *ngx_stream_junkmail_xclient(ngx_conf_t *cf, ngx_command_t *cmd,
                                         void *conf);
static char *ngx_stream_junkmail_timed(ngx_conf_t *cf, ngx_command_t *cmd,
                                       void *conf);

static ngx_int_t ngx_stream_junkmail_variable_string(
    ngx_stream_session_t *s, ngx_stream_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_stream_junkmail_variable_number(
    ngx_stream_session_t *s, ngx_stream_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_stream_junkmail_variable_from(
    ngx_stream_session_t *s, ngx_stream_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_stream_junkmail_variable_handoff(
    ngx_stream_session_t *s, ngx_stream_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_stream_junkmail_variable_id(
    ngx_stream_session_t *s, ngx_stream_variable_value_t *v, uintptr_t data);

static ngx_conf_enum_t ngx_stream_junkmail_starttls_values[] = {
    { ngx_string("off"), NGX_JUNKMAIL_STARTTLS_OFF },
    { ngx_string("on"), NGX_JUNKMAIL_STARTTLS_ON },
    { ngx_string("required"), NGX_JUNKMAIL_STARTTLS_REQUIRED },
    { ngx_null_string, 0 }
};

static ngx_conf_enum_t ngx_stream_junkmail_addresses_values[] = {
    { ngx_string("full"), JM_LOG_FULL },
    { ngx_string("domain"), JM_LOG_DOMAIN },
    { ngx_string("none"), JM_LOG_NONE },
    { ngx_null_string, 0 }
};

/* What is not given with junkmail_tarpit and junkmail_data_rate. */
static ngx_msec_t ngx_stream_junkmail_tarpit_time = 1000;
static ngx_msec_t ngx_stream_junkmail_data_rate_time = 30000;

static ngx_path_init_t ngx_stream_junkmail_spool_path = {
    ngx_string(NGX_JUNKMAIL_SPOOL_PATH), { 0, 0, 0 }
};

#define NGX_STREAM_JUNKMAIL_SLOT(name, set, field, post)                      \
    {                                                                         \
        ngx_string(name),                                                     \
            NGX_STREAM_MAIN_CONF | NGX_STREAM_SRV_CONF | NGX_CONF_TAKE1, set, \
            NGX_STREAM_SRV_CONF_OFFSET,                                       \
            offsetof(ngx_stream_junkmail_srv_conf_t, field), post             \
    }

static ngx_command_t ngx_stream_junkmail_commands[] = {

    { ngx_string("junkmail_smtp"), NGX_STREAM_SRV_CONF | NGX_CONF_NOARGS,
      ngx_stream_junkmail_smtp, NGX_STREAM_SRV_CONF_OFFSET, 0, NULL },

    { ngx_string("junkmail_starttls"), NGX_STREAM_SRV_CONF | NGX_CONF_TAKE1,
      ngx_stream_junkmail_starttls, NGX_STREAM_SRV_CONF_OFFSET,
      offsetof(ngx_stream_junkmail_srv_conf_t, starttls),
      ngx_stream_junkmail_starttls_values },

    { ngx_string("junkmail_backend"),
      NGX_STREAM_MAIN_CONF | NGX_STREAM_SRV_CONF | NGX_CONF_1MORE,
      ngx_stream_junkmail_backend, NGX_STREAM_SRV_CONF_OFFSET, 0, NULL },

    { ngx_string("junkmail_xclient"),
      NGX_STREAM_MAIN_CONF | NGX_STREAM_SRV_CONF | NGX_CONF_1MORE,
      ngx_stream_junkmail_xclient, NGX_STREAM_SRV_CONF_OFFSET, 0, NULL },

    { ngx_string("junkmail_reverse_dns"),
      NGX_STREAM_MAIN_CONF | NGX_STREAM_SRV_CONF | NGX_CONF_FLAG,
      ngx_conf_set_flag_slot, NGX_STREAM_SRV_CONF_OFFSET,
      offsetof(ngx_stream_junkmail_srv_conf_t, reverse_dns), NULL },

    { ngx_string("junkmail_spool_path"),
      NGX_STREAM_MAIN_CONF | NGX_STREAM_SRV_CONF | NGX_CONF_TAKE1234,
      ngx_conf_set_path_slot, NGX_STREAM_SRV_CONF_OFFSET,
      offsetof(ngx_stream_junkmail_srv_conf_t, spool_path), NULL },

    NGX_STREAM_JUNKMAIL_SLOT("junkmail_hostname", ngx_conf_set_str_slot,
                             hostname, NULL),
    NGX_STREAM_JUNKMAIL_SLOT("junkmail_message_size", ngx_conf_set_off_slot,
                             message_size, NULL),
    NGX_STREAM_JUNKMAIL_SLOT("junkmail_recipients", ngx_conf_set_num_slot,
                             recipients, NULL),
    NGX_STREAM_JUNKMAIL_SLOT("junkmail_timeout", ngx_conf_set_msec_slot,
                             timeout, NULL),
    NGX_STREAM_JUNKMAIL_SLOT("junkmail_data_timeout", ngx_conf_set_msec_slot,
                             data_timeout, NULL),
    NGX_STREAM_JUNKMAIL_SLOT("junkmail_session_timeout",
                             ngx_conf_set_msec_slot, session_timeout, NULL),
    NGX_STREAM_JUNKMAIL_SLOT("junkmail_spool_memory", ngx_conf_set_size_slot,
                             spool_memory, NULL),
    NGX_STREAM_JUNKMAIL_SLOT("junkmail_errors", ngx_conf_set_num_slot, errors,
                             NULL),
    NGX_STREAM_JUNKMAIL_SLOT("junkmail_unknown_recipients",
                             ngx_conf_set_num_slot, unknown, NULL),
    NGX_STREAM_JUNKMAIL_SLOT("junkmail_junk", ngx_conf_set_num_slot, junk,
                             NULL),
    NGX_STREAM_JUNKMAIL_SLOT("junkmail_transactions", ngx_conf_set_num_slot,
                             transactions, NULL),

    NGX_STREAM_JUNKMAIL_SLOT("junkmail_connections", ngx_conf_set_num_slot,
                             limit.connections, NULL),
    NGX_STREAM_JUNKMAIL_SLOT("junkmail_connections_per_address",
                             ngx_conf_set_num_slot, limit.per_address, NULL),
    NGX_STREAM_JUNKMAIL_SLOT("junkmail_connection_rate",
                             ngx_junkmail_rate_slot, limit.connection_rate,
                             NULL),
    NGX_STREAM_JUNKMAIL_SLOT("junkmail_unknown_rate", ngx_junkmail_rate_slot,
                             limit.unknown_rate, NULL),

    NGX_STREAM_JUNKMAIL_SLOT("junkmail_greeting_delay", ngx_conf_set_msec_slot,
                             greeting_delay, NULL),
    NGX_STREAM_JUNKMAIL_SLOT("junkmail_stress_timeout", ngx_conf_set_msec_slot,
                             stress_timeout, NULL),

    { ngx_string("junkmail_tarpit"),
      NGX_STREAM_MAIN_CONF | NGX_STREAM_SRV_CONF | NGX_CONF_TAKE12,
      ngx_stream_junkmail_timed, NGX_STREAM_SRV_CONF_OFFSET,
      offsetof(ngx_stream_junkmail_srv_conf_t, tarpit),
      &ngx_stream_junkmail_tarpit_time },

    { ngx_string("junkmail_data_rate"),
      NGX_STREAM_MAIN_CONF | NGX_STREAM_SRV_CONF | NGX_CONF_TAKE12,
      ngx_stream_junkmail_timed, NGX_STREAM_SRV_CONF_OFFSET,
      offsetof(ngx_stream_junkmail_srv_conf_t, data_rate),
      &ngx_stream_junkmail_data_rate_time },

    { ngx_string("junkmail_log"),
      NGX_STREAM_MAIN_CONF | NGX_STREAM_SRV_CONF | NGX_CONF_1MORE,
      ngx_junkmail_log_slot, NGX_STREAM_SRV_CONF_OFFSET,
      offsetof(ngx_stream_junkmail_srv_conf_t, log), NULL },

    NGX_STREAM_JUNKMAIL_SLOT("junkmail_log_addresses", ngx_conf_set_enum_slot,
                             log_addresses,
                             ngx_stream_junkmail_addresses_values),

    ngx_null_command
};

static ngx_stream_module_t ngx_stream_junkmail_module_ctx = {
    ngx_stream_junkmail_preconfiguration, /* preconfiguration */
    NULL,                                 /* postconfiguration */

    NULL, /* create main configuration */
    NULL, /* init main configuration */

    ngx_stream_junkmail_create_srv_conf, /* create server configuration */
    ngx_stream_junkmail_merge_srv_conf   /* merge server configuration */
};

ngx_module_t ngx_stream_junkmail_module = {
    NGX_MODULE_V1,
    &ngx_stream_junkmail_module_ctx, /* module context */
    ngx_stream_junkmail_commands,    /* module directives */
    NGX_STREAM_MODULE,               /* module type */
    NULL,                            /* init master */
    NULL,                            /* init module */
    NULL,                            /* init process */
    NULL,                            /* init thread */
    NULL,                            /* exit thread */
    NULL,                            /* exit process */
    NULL,                            /* exit master */
    NGX_MODULE_V1_PADDING
};

#define NGX_STREAM_JUNKMAIL_VARIABLE(name, get, field)                        \
    {                                                                         \
        ngx_string(name), NULL, get, offsetof(ngx_junkmail_smtp_t, field),    \
            NGX_STREAM_VAR_NOCACHEABLE, 0                                     \
    }

static ngx_stream_variable_t ngx_stream_junkmail_variables[] = {

    /* The client's name for itself; what is no token's character is "?". */
    NGX_STREAM_JUNKMAIL_VARIABLE(
        "junkmail_helo", ngx_stream_junkmail_variable_string, session.helo),

    /* The name of its address, when that leads back to the address. */
    NGX_STREAM_JUNKMAIL_VARIABLE(
        "junkmail_reverse", ngx_stream_junkmail_variable_string, reverse.name),

    /* Sender and delivery id of the last transaction. */
    NGX_STREAM_JUNKMAIL_VARIABLE(
        "junkmail_from", ngx_stream_junkmail_variable_from, session.from),
    NGX_STREAM_JUNKMAIL_VARIABLE("junkmail_id",
                                 ngx_stream_junkmail_variable_id, id),

    /* Of the last transaction: recipients, octets, reply, seconds. */
    NGX_STREAM_JUNKMAIL_VARIABLE("junkmail_message_recipients",
                                 ngx_stream_junkmail_variable_number,
                                 session.accepted),
    NGX_STREAM_JUNKMAIL_VARIABLE("junkmail_message_refused",
                                 ngx_stream_junkmail_variable_number,
                                 session.rejected),
    NGX_STREAM_JUNKMAIL_VARIABLE("junkmail_message_size",
                                 ngx_stream_junkmail_variable_number, size),
    NGX_STREAM_JUNKMAIL_VARIABLE("junkmail_message_reply",
                                 ngx_stream_junkmail_variable_string,
                                 session.said),
    NGX_STREAM_JUNKMAIL_VARIABLE("junkmail_handoff_time",
                                 ngx_stream_junkmail_variable_handoff,
                                 handoff),

    /* Counts of the session: recipients and messages accepted. */
    NGX_STREAM_JUNKMAIL_VARIABLE("junkmail_recipients",
                                 ngx_stream_junkmail_variable_number,
                                 session.recipients),
    NGX_STREAM_JUNKMAIL_VARIABLE("junkmail_messages",
                                 ngx_stream_junkmail_variable_number,
                                 session.messages),
    NGX_STREAM_JUNKMAIL_VARIABLE("junkmail_errors",
                                 ngx_stream_junkmail_variable_number,
                                 session.errors),

    /* The code of the last reply. */
    NGX_STREAM_JUNKMAIL_VARIABLE(
        "junkmail_reply", ngx_stream_junkmail_variable_number, session.reply),

    ngx_stream_null_variable
};


static ngx_int_t
ngx_stream_junkmail_preconfiguration(ngx_conf_t *cf)
{
    ngx_stream_variable_t *var, *v;

    for (v = ngx_stream_junkmail_variables; v->name.len; v++) {
        var = ngx_stream_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static void *
ngx_stream_junkmail_create_srv_conf(ngx_conf_t *cf)
{
    ngx_stream_junkmail_srv_conf_t *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_stream_junkmail_srv_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     conf->enable = 0;
     *     conf->hostname = { 0, NULL };
     *     conf->spool_path = NULL;
     */

    conf->backends = NGX_CONF_UNSET_PTR;
    conf->starttls = NGX_CONF_UNSET_UINT;
    conf->xclient = NGX_CONF_UNSET_PTR;
    conf->reverse_dns = NGX_CONF_UNSET;
    conf->message_size = NGX_CONF_UNSET;
    conf->recipients = NGX_CONF_UNSET_UINT;
    conf->timeout = NGX_CONF_UNSET_MSEC;
    conf->data_timeout = NGX_CONF_UNSET_MSEC;
    conf->session_timeout = NGX_CONF_UNSET_MSEC;
    conf->spool_memory = NGX_CONF_UNSET_SIZE;
    conf->errors = NGX_CONF_UNSET_UINT;
    conf->unknown = NGX_CONF_UNSET_UINT;
    conf->junk = NGX_CONF_UNSET_UINT;
    conf->transactions = NGX_CONF_UNSET_UINT;
    conf->greeting_delay = NGX_CONF_UNSET_MSEC;
    conf->stress_timeout = NGX_CONF_UNSET_MSEC;
    conf->tarpit.time = NGX_CONF_UNSET_MSEC;
    conf->data_rate.time = NGX_CONF_UNSET_MSEC;
    conf->log = NGX_CONF_UNSET_PTR;
    conf->log_addresses = NGX_CONF_UNSET_UINT;
    conf->limit.connections = NGX_CONF_UNSET_UINT;
    conf->limit.per_address = NGX_CONF_UNSET_UINT;
    conf->limit.connection_rate.period = NGX_CONF_UNSET;
    conf->limit.unknown_rate.period = NGX_CONF_UNSET;

    return conf;
}


static char *
ngx_stream_junkmail_merge_srv_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_stream_ssl_conf_t          *sslcf;
    ngx_stream_core_srv_conf_t     *cscf;
    ngx_stream_junkmail_srv_conf_t *prev = parent;
    ngx_stream_junkmail_srv_conf_t *conf = child;

    ngx_conf_merge_str_value(conf->hostname, prev->hostname, "");
    ngx_conf_merge_ptr_value(conf->backends, prev->backends, NULL);
    ngx_conf_merge_ptr_value(conf->xclient, prev->xclient, NULL);
    ngx_conf_merge_uint_value(conf->starttls, prev->starttls,
                              NGX_JUNKMAIL_STARTTLS_OFF);
    ngx_conf_merge_value(conf->reverse_dns, prev->reverse_dns, 0);
    ngx_conf_merge_off_value(conf->message_size, prev->message_size,
                             25 * 1024 * 1024);
    ngx_conf_merge_uint_value(conf->recipients, prev->recipients, 100);
    ngx_conf_merge_msec_value(conf->timeout, prev->timeout, 300000);
    ngx_conf_merge_msec_value(conf->data_timeout, prev->data_timeout, 180000);
    ngx_conf_merge_msec_value(conf->session_timeout, prev->session_timeout,
                              1200000);
    ngx_conf_merge_size_value(conf->spool_memory, prev->spool_memory,
                              64 * 1024);
    ngx_conf_merge_uint_value(conf->errors, prev->errors, 20);
    ngx_conf_merge_uint_value(conf->unknown, prev->unknown, 20);
    ngx_conf_merge_uint_value(conf->junk, prev->junk, 100);
    ngx_conf_merge_uint_value(conf->transactions, prev->transactions, 1000);
    ngx_conf_merge_msec_value(conf->greeting_delay, prev->greeting_delay, 0);
    ngx_conf_merge_msec_value(conf->stress_timeout, prev->stress_timeout,
                              10000);
    ngx_stream_junkmail_merge_timed(&conf->tarpit, &prev->tarpit, 10,
                                    ngx_stream_junkmail_tarpit_time);
    ngx_stream_junkmail_merge_timed(&conf->data_rate, &prev->data_rate, 500,
                                    ngx_stream_junkmail_data_rate_time);
    ngx_conf_merge_ptr_value(conf->log, prev->log, NULL);
    ngx_conf_merge_uint_value(conf->log_addresses, prev->log_addresses,
                              JM_LOG_DOMAIN);
    ngx_conf_merge_uint_value(conf->limit.connections, prev->limit.connections,
                              1000);
    ngx_conf_merge_uint_value(conf->limit.per_address, prev->limit.per_address,
                              20);
    ngx_junkmail_merge_rate_value(conf->limit.connection_rate,
                                  prev->limit.connection_rate, 60, 60);
    ngx_junkmail_merge_rate_value(conf->limit.unknown_rate,
                                  prev->limit.unknown_rate, 100, 3600);

    if (!conf->enable) {
        return NGX_CONF_OK;
    }

    if (conf->backends == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no \"junkmail_backend\" for \"junkmail_smtp\"");
        return NGX_CONF_ERROR;
    }

    cscf = ngx_stream_conf_get_module_srv_conf(cf, ngx_stream_core_module);

    if (conf->reverse_dns && cscf->resolver->connections.nelts == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no \"resolver\" for \"junkmail_reverse_dns\"");
        return NGX_CONF_ERROR;
    }

    sslcf = ngx_stream_conf_get_module_srv_conf(cf, ngx_stream_ssl_module);

    if (conf->starttls != NGX_JUNKMAIL_STARTTLS_OFF && sslcf->verify) {
        /* nginx looks at the client's certificate before our session only. */
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"ssl_verify_client\" does not work with "
                           "\"junkmail_starttls\"");
        return NGX_CONF_ERROR;
    }

    if (conf->starttls != NGX_JUNKMAIL_STARTTLS_OFF && sslcf->ssl.ctx == NULL)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no \"ssl_certificate\" for "
                           "\"junkmail_starttls\"");
        return NGX_CONF_ERROR;
    }

    if (ngx_conf_merge_path_value(cf, &conf->spool_path, prev->spool_path,
                                  &ngx_stream_junkmail_spool_path)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_stream_junkmail_hostname(cf, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_stream_junkmail_session_conf(conf);

    return NGX_CONF_OK;
}


static void
ngx_stream_junkmail_merge_timed(ngx_junkmail_timed_t *conf,
                                ngx_junkmail_timed_t *prev, size_t number,
                                ngx_msec_t time)
{
    if (conf->time == NGX_CONF_UNSET_MSEC) {
        *conf = *prev;
    }

    if (conf->time == NGX_CONF_UNSET_MSEC) {
        conf->number = number;
        conf->time = time;
    }
}


static char *
ngx_stream_junkmail_hostname(ngx_conf_t                     *cf,
                             ngx_stream_junkmail_srv_conf_t *conf)
{
    jm_str_t name;

    if (conf->hostname.len == 0) {
        conf->hostname = cf->cycle->hostname;
    }

    if (conf->hostname.len > JM_DOMAIN_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"junkmail_hostname\" is too long");
        return NGX_CONF_ERROR;
    }

    /* It is said in replies and headers. */
    name.data = conf->hostname.data;
    name.len = conf->hostname.len;

    if (!jm_domain_valid(name)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"%V\" is not a full host name; "
                           "set \"junkmail_hostname\"",
                           &conf->hostname);
    }

    return NGX_CONF_OK;
}


/* What of the directives is the session's. */

static void
ngx_stream_junkmail_session_conf(ngx_stream_junkmail_srv_conf_t *conf)
{
    jm_session_conf_t *session;

    session = &conf->session;

    session->hostname.data = conf->hostname.data;
    session->hostname.len = conf->hostname.len;
    session->message_size = (uint64_t) conf->message_size;
    session->recipients = conf->recipients;
    session->transactions = conf->transactions;
    session->errors = conf->errors;
    session->unknown = conf->unknown;
    session->junk = conf->junk;
    session->starttls = (conf->starttls != NGX_JUNKMAIL_STARTTLS_OFF);
    session->tls_required = (conf->starttls == NGX_JUNKMAIL_STARTTLS_REQUIRED);
}


static char *
ngx_stream_junkmail_smtp(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stream_core_srv_conf_t     *cscf;
    ngx_stream_junkmail_srv_conf_t *jscf = conf;

    if (jscf->enable) {
        return "is duplicate";
    }

    cscf = ngx_stream_conf_get_module_srv_conf(cf, ngx_stream_core_module);

    cscf->handler = ngx_junkmail_smtp_handler;
    jscf->enable = 1;

    return NGX_CONF_OK;
}


static char *
ngx_stream_junkmail_backend(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                      *value;
    ngx_uint_t                      i;
    ngx_stream_junkmail_srv_conf_t *jscf = conf;

    if (jscf->backends != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    jscf->backends = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                      sizeof(ngx_junkmail_backend_t));
    if (jscf->backends == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_stream_junkmail_backend_add(cf, jscf->backends, &value[i])
            != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* Also told to the core part: /healthz asks every backend. */

static ngx_int_t
ngx_stream_junkmail_backend_add(ngx_conf_t *cf, ngx_array_t *backends,
                                ngx_str_t *value)
{
    ngx_url_t               u;
    ngx_addr_t             *addr;
    ngx_junkmail_conf_t    *jcf;
    ngx_junkmail_backend_t *backend;

    ngx_memzero(&u, sizeof(ngx_url_t));
    u.url = *value;
    u.no_resolve = 1;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK || u.naddrs == 0
        || (u.family != AF_UNIX && u.no_port))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"junkmail_backend\" takes unix:/path or "
                           "ip:port, not \"%V\"",
                           value);
        return NGX_ERROR;
    }

    jcf = ngx_junkmail_get_conf(cf->cycle);

    backend = ngx_array_push(backends);
    addr = ngx_array_push(&jcf->backends);

    if (backend == NULL || addr == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(backend, sizeof(ngx_junkmail_backend_t));
    backend->addr = u.addrs[0];
    *addr = u.addrs[0];

    return NGX_OK;
}


/*
 * Makes the stock ssl_* directives work without "listen ... ssl": nginx builds
 * a server's TLS context only where its ssl module thinks that a listen asked
 * for it.  This must happen while the configuration is read: that module
 * merges before ours.  Since 1.25.5 a certificate is all it takes.
 */

static char *
ngx_stream_junkmail_starttls(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *rv;

    rv = ngx_conf_set_enum_slot(cf, cmd, conf);

#if (nginx_version < 1025005)
    {
        ngx_stream_ssl_conf_t          *sslcf;
        ngx_stream_junkmail_srv_conf_t *jscf = conf;

        sslcf = ngx_stream_conf_get_module_srv_conf(cf, ngx_stream_ssl_module);

        if (rv == NGX_CONF_OK && jscf->starttls != NGX_JUNKMAIL_STARTTLS_OFF
            && !sslcf->listen)
        {
            sslcf->listen = 1;
            sslcf->file = cf->conf_file->file.name.data;
            sslcf->line = cf->conf_file->line;
        }
    }
#endif

    return rv;
}


/* Addresses and networks of proxies, and unix: for all local ones. */

static char *
ngx_stream_junkmail_xclient(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_int_t                       rc;
    ngx_str_t                      *value;
    ngx_uint_t                      i;
    ngx_cidr_t                     *cidr;
    ngx_stream_junkmail_srv_conf_t *jscf = conf;

    value = cf->args->elts;

    if (jscf->xclient == NGX_CONF_UNSET_PTR) {
        jscf->xclient = ngx_array_create(cf->pool, 1, sizeof(ngx_cidr_t));
        if (jscf->xclient == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    for (i = 1; i < cf->args->nelts; i++) {
        cidr = ngx_array_push(jscf->xclient);
        if (cidr == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_memzero(cidr, sizeof(ngx_cidr_t));

        if (ngx_strcmp(value[i].data, "unix:") == 0) {
            cidr->family = AF_UNIX;
            continue;
        }

        rc = ngx_ptocidr(&value[i], cidr);

        if (rc == NGX_ERROR) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"junkmail_xclient\" takes addresses, "
                               "networks and unix:, not \"%V\"",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        if (rc == NGX_DONE) {
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                               "low address bits of %V are meaningless",
                               &value[i]);
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_stream_junkmail_timed(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *p = conf;

    ssize_t               n;
    ngx_int_t             time;
    ngx_str_t            *value;
    ngx_msec_t           *usual = cmd->post;
    ngx_junkmail_timed_t *timed;

    timed = (ngx_junkmail_timed_t *) (p + cmd->offset);

    if (timed->time != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    n = ngx_strcmp(value[1].data, "off") == 0 ? 0 : ngx_parse_size(&value[1]);
    time = cf->args->nelts == 3 ? ngx_parse_time(&value[2], 0)
                                : (ngx_int_t) *usual;

    if (n == NGX_ERROR || time == NGX_ERROR) {
        return "takes \"off\", or a number and a time";
    }

    timed->number = (size_t) n;
    timed->time = (ngx_msec_t) time;

    return NGX_CONF_OK;
}


/* The session, or NULL when it has not begun or it is not ours. */

static ngx_junkmail_smtp_t *
ngx_stream_junkmail_session(ngx_stream_session_t        *s,
                            ngx_stream_variable_value_t *v)
{
    ngx_junkmail_smtp_t *smtp;

    smtp = ngx_stream_get_module_ctx(s, ngx_stream_junkmail_module);

    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = (smtp == NULL);

    return smtp;
}


static void
ngx_stream_junkmail_value(ngx_stream_variable_value_t *v, u_char *data,
                          size_t len)
{
    v->data = data;
    v->len = (unsigned) len;
    v->not_found = (len == 0);
}


static ngx_int_t
ngx_stream_junkmail_variable_string(ngx_stream_session_t        *s,
                                    ngx_stream_variable_value_t *v,
                                    uintptr_t                    data)
{
    jm_str_t            *value;
    ngx_junkmail_smtp_t *smtp;

    smtp = ngx_stream_junkmail_session(s, v);

    if (smtp != NULL) {
        value = (jm_str_t *) ((u_char *) smtp + data);
        ngx_stream_junkmail_value(v, value->data, value->len);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_stream_junkmail_variable_number(ngx_stream_session_t        *s,
                                    ngx_stream_variable_value_t *v,
                                    uintptr_t                    data)
{
    u_char              *p;
    size_t              *value;
    ngx_junkmail_smtp_t *smtp;

    smtp = ngx_stream_junkmail_session(s, v);

    if (smtp == NULL) {
        return NGX_OK;
    }

    value = (size_t *) ((u_char *) smtp + data);

    p = ngx_pnalloc(s->connection->pool, NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_stream_junkmail_value(v, p,
                              (size_t) (ngx_sprintf(p, "%uz", *value) - p));

    return NGX_OK;
}


/* As much of it as junkmail_log_addresses allows in a log. */

static ngx_int_t
ngx_stream_junkmail_variable_from(ngx_stream_session_t        *s,
                                  ngx_stream_variable_value_t *v,
                                  uintptr_t                    data)
{
    jm_str_t             from;
    ngx_junkmail_smtp_t *smtp;

    smtp = ngx_stream_junkmail_session(s, v);

    if (smtp != NULL && smtp->session.named) {
        from = jm_log_address(smtp->session.from, smtp->conf->log_addresses);
        ngx_stream_junkmail_value(v, from.data, from.len);

    } else {
        v->not_found = 1;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_stream_junkmail_variable_handoff(ngx_stream_session_t        *s,
                                     ngx_stream_variable_value_t *v,
                                     uintptr_t                    data)
{
    u_char              *p;
    ngx_junkmail_smtp_t *smtp;

    smtp = ngx_stream_junkmail_session(s, v);

    if (smtp == NULL || smtp->handoff == NGX_CONF_UNSET_MSEC) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(s->connection->pool, NGX_TIME_T_LEN + 4);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_stream_junkmail_value(
        v, p,
        (size_t) (ngx_sprintf(p, "%M.%03M", smtp->handoff / 1000,
                              smtp->handoff % 1000)
                  - p));

    return NGX_OK;
}


static ngx_int_t
ngx_stream_junkmail_variable_id(ngx_stream_session_t        *s,
                                ngx_stream_variable_value_t *v, uintptr_t data)
{
    ngx_junkmail_smtp_t *smtp;

    smtp = ngx_stream_junkmail_session(s, v);

    if (smtp != NULL) {
        ngx_stream_junkmail_value(v, smtp->id,
                                  smtp->id[0] ? sizeof(smtp->id) : 0);
    }

    return NGX_OK;
}
