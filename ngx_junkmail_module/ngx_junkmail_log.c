/*
 * The transaction log.  A format is text and variables as in stream's
 * log_format, whose compiled form nginx keeps to itself; so it is given in the
 * directive, and compiled here into parts.  Values are escaped by
 * jm_log_escape(), and a line is never longer than NGX_JUNKMAIL_LOG_LINE.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stream.h>

#include "ngx_junkmail_log.h"

#include "jm_log.h"

#define NGX_JUNKMAIL_LOG_LINE     1024
#define NGX_JUNKMAIL_LOG_COMPLAIN 60 /* seconds between two complaints */

/* Text, or the variable of an index. */
typedef struct {
    ngx_str_t text;
    ngx_int_t index; /* NGX_ERROR: text */
} ngx_junkmail_log_part_t;

static ngx_int_t ngx_junkmail_log_compile(ngx_conf_t *cf, ngx_array_t *format,
                                          ngx_str_t *value);
static ngx_int_t ngx_junkmail_log_name(ngx_str_t *text, ngx_str_t *name);
static ngx_int_t ngx_junkmail_log_part(ngx_array_t *format, ngx_str_t *text,
                                       ngx_int_t index);
static u_char   *ngx_junkmail_log_value(ngx_stream_session_t *s,
                                        ngx_uint_t index, u_char *p,
                                        u_char *last);
static void ngx_junkmail_log_write(ngx_junkmail_log_t *log, ngx_log_t *errors,
                                   u_char *line, size_t len);

static ngx_str_t ngx_junkmail_log_default = ngx_string(
    "$time_iso8601 $junkmail_id $remote_addr tls=$ssl_protocol "
    "from=\"$junkmail_from\" rcpt=$junkmail_message_recipients "
    "refused=$junkmail_message_refused size=$junkmail_message_size "
    "reply=\"$junkmail_message_reply\" handoff=$junkmail_handoff_time");


char *
ngx_junkmail_log_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *p = conf;

    ngx_str_t          *value;
    ngx_uint_t          i;
    ngx_junkmail_log_t *log, **field;

    field = (ngx_junkmail_log_t **) (p + cmd->offset);

    if (*field != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        *field = NULL;
        return cf->args->nelts == 2 ? NGX_CONF_OK : "has a format for \"off\"";
    }

    log = ngx_pcalloc(cf->pool, sizeof(ngx_junkmail_log_t));
    if (log == NULL) {
        return NGX_CONF_ERROR;
    }

    log->file = ngx_conf_open_file(cf->cycle, &value[1]);
    log->format = ngx_array_create(cf->pool, 16,
                                   sizeof(ngx_junkmail_log_part_t));

    if (log->file == NULL || log->format == NULL) {
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 2
        && ngx_junkmail_log_compile(cf, log->format, &ngx_junkmail_log_default)
               != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_junkmail_log_compile(cf, log->format, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    *field = log;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_junkmail_log_compile(ngx_conf_t *cf, ngx_array_t *format, ngx_str_t *value)
{
    u_char   *p;
    ngx_int_t index;
    ngx_str_t rest, text, name;

    rest = *value;

    while (rest.len != 0) {
        p = ngx_strlchr(rest.data, rest.data + rest.len, '$');

        text.data = rest.data;
        text.len = p ? (size_t) (p - rest.data) : rest.len;

        if (text.len != 0
            && ngx_junkmail_log_part(format, &text, NGX_ERROR) != NGX_OK) {
            return NGX_ERROR;
        }

        rest.data += text.len;
        rest.len -= text.len;

        if (p == NULL) {
            break;
        }

        if (ngx_junkmail_log_name(&rest, &name) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid variable name in \"%V\"", value);
            return NGX_ERROR;
        }

        index = ngx_stream_get_variable_index(cf, &name);

        if (index == NGX_ERROR
            || ngx_junkmail_log_part(format, &name, index) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* Takes "$name" or "${name}" from the beginning of `text`. */

static ngx_int_t
ngx_junkmail_log_name(ngx_str_t *text, ngx_str_t *name)
{
    u_char    *p, *last;
    ngx_uint_t braces;

    last = text->data + text->len;
    p = text->data + 1;

    braces = (p < last && *p == '{');
    p += braces;

    name->data = p;

    while (p < last
           && ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
               || (*p >= '0' && *p <= '9') || *p == '_'))
    {
        p++;
    }

    name->len = (size_t) (p - name->data);

    if (name->len == 0 || (braces && (p == last || *p != '}'))) {
        return NGX_ERROR;
    }

    p += braces;

    text->data = p;
    text->len = (size_t) (last - p);

    return NGX_OK;
}


static ngx_int_t
ngx_junkmail_log_part(ngx_array_t *format, ngx_str_t *text, ngx_int_t index)
{
    ngx_junkmail_log_part_t *part;

    part = ngx_array_push(format);
    if (part == NULL) {
        return NGX_ERROR;
    }

    part->text = *text;
    part->index = index;

    return NGX_OK;
}


void
ngx_junkmail_log_line(ngx_junkmail_log_t *log, ngx_stream_session_t *s,
                      ngx_pool_t *pool)
{
    u_char                       line[NGX_JUNKMAIL_LOG_LINE], *p, *last;
    size_t                       n;
    ngx_uint_t                   i;
    ngx_pool_t                  *saved;
    ngx_junkmail_log_part_t     *part;
    ngx_stream_variable_value_t *kept, *lent;
    ngx_stream_core_main_conf_t *cmcf;

    cmcf = ngx_stream_get_module_main_conf(s, ngx_stream_core_module);
    n = cmcf->variables.nelts * sizeof(ngx_stream_variable_value_t);

    kept = s->variables;

    lent = ngx_palloc(pool, n);
    if (lent == NULL) {
        return;
    }

    ngx_memcpy(lent, kept, n);

    /*
     * Variables take memory from the connection's pool and may be kept in the
     * session: both are lent to them for this line.
     */
    saved = s->connection->pool;
    s->connection->pool = pool;
    s->variables = lent;

    p = line;
    last = line + sizeof(line) - 1;
    part = log->format->elts;

    for (i = 0; i < log->format->nelts; i++) {
        if (part[i].index == NGX_ERROR) {
            p = ngx_cpymem(p, part[i].text.data,
                           ngx_min(part[i].text.len, (size_t) (last - p)));

        } else {
            p = ngx_junkmail_log_value(s, part[i].index, p, last);
        }
    }

    *p++ = LF;

    s->variables = kept;
    s->connection->pool = saved;

    ngx_junkmail_log_write(log, s->connection->log, line, (size_t) (p - line));
}


static u_char *
ngx_junkmail_log_value(ngx_stream_session_t *s, ngx_uint_t index, u_char *p,
                       u_char *last)
{
    ngx_stream_variable_value_t *v;

    if (p == last) {
        return p;
    }

    v = ngx_stream_get_flushed_variable(s, index);

    if (v == NULL || v->not_found || v->len == 0) {
        *p = '-';
        return p + 1;
    }

    return p
           + jm_log_escape((jm_str_t){ v->data, v->len }, p,
                           (size_t) (last - p));
}


static void
ngx_junkmail_log_write(ngx_junkmail_log_t *log, ngx_log_t *errors,
                       u_char *line, size_t len)
{
    time_t  now;
    ssize_t n;

    n = ngx_write_fd(log->file->fd, line, len);

    if (n == (ssize_t) len) {
        return;
    }

    now = ngx_time();

    if (now - log->failed >= NGX_JUNKMAIL_LOG_COMPLAIN) {
        ngx_log_error(NGX_LOG_ALERT, errors, n == -1 ? ngx_errno : 0,
                      ngx_write_fd_n " to \"%V\" failed", &log->file->name);
        log->failed = now;
    }
}
