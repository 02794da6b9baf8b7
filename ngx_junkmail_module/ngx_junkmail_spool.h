/*
 * The body of one message while it arrives: in memory up to a limit, then in
 * an unlinked temporary file.  A buffer, never a queue: nothing here is
 * fsynced, and all of it vanishes with the pool.  Written by the SMTP session,
 * read by the hand-off, as often as it must try.
 */

#ifndef _NGX_JUNKMAIL_SPOOL_H_INCLUDED_
#define _NGX_JUNKMAIL_SPOOL_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>

typedef struct {
    ngx_pool_t *pool;   /* all memory, and the file's descriptor */
    ngx_path_t *path;   /* where the file is made */
    size_t      memory; /* octets kept in memory before there is a file */
    u_char     *data;   /* the message; or what the file does not yet hold */
    size_t      len;
    size_t      size;
    off_t       filed; /* octets in the file */
    ngx_file_t  file;  /* fd is NGX_INVALID_FILE while there is none */
} ngx_junkmail_spool_t;

void ngx_junkmail_spool_init(ngx_junkmail_spool_t *spool, ngx_pool_t *pool,
                             ngx_path_t *path, size_t memory);

/* Appends.  NGX_OK; NGX_ERROR without memory or disk space (logged). */
ngx_int_t ngx_junkmail_spool_add(ngx_junkmail_spool_t *spool, u_char *data,
                                 size_t len);

/* Octets spooled. */
off_t ngx_junkmail_spool_size(ngx_junkmail_spool_t *spool);

/*
 * Copies up to `size` octets from `offset` on; the number copied, 0 at the
 * end, or NGX_ERROR.  May be mixed with ngx_junkmail_spool_add().
 */
ssize_t ngx_junkmail_spool_read(ngx_junkmail_spool_t *spool, off_t offset,
                                u_char *buf, size_t size);

/* 1 when the file system of `path` has room for `size` octets. */
ngx_uint_t ngx_junkmail_spool_room(ngx_path_t *path, off_t size);

#endif /* _NGX_JUNKMAIL_SPOOL_H_INCLUDED_ */
