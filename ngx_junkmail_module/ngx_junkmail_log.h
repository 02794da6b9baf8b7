/*
 * The transaction log of the SMTP servers: one line for each mail, from MAIL
 * to its reply, where stream's access_log has one a connection.  The directive
 * is junkmail_log; the lines are asked for by the session.
 */

#ifndef _NGX_JUNKMAIL_LOG_H_INCLUDED_
#define _NGX_JUNKMAIL_LOG_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_stream.h>

typedef struct {
    ngx_open_file_t *file;   /* reopened on USR1 with nginx's other logs */
    ngx_array_t     *format; /* of parts, see ngx_junkmail_log.c */
    time_t           failed; /* when a failed write was last complained of */
} ngx_junkmail_log_t;

/* Sets a field of type ngx_junkmail_log_t *; NULL for "off". */
char *ngx_junkmail_log_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * Writes the line of the session's present transaction; `pool` is the
 * transaction's and takes what the variables need, so that a session of a
 * thousand mails does not grow.
 */
void ngx_junkmail_log_line(ngx_junkmail_log_t *log, ngx_stream_session_t *s,
                           ngx_pool_t *pool);

#endif /* _NGX_JUNKMAIL_LOG_H_INCLUDED_ */
