/*
 * The spool behind ngx_junkmail_spool.h.  File writes go to the page cache, in
 * pieces of the memory limit; they are made from the event loop, as nginx does
 * with the bodies of requests.
 */

#include "ngx_junkmail_spool.h"

#define NGX_JUNKMAIL_SPOOL_START 4096

static ngx_int_t ngx_junkmail_spool_grow(ngx_junkmail_spool_t *spool,
                                         size_t                need);
static ngx_int_t ngx_junkmail_spool_file(ngx_junkmail_spool_t *spool);


void
ngx_junkmail_spool_init(ngx_junkmail_spool_t *spool, ngx_pool_t *pool,
                        ngx_path_t *path, size_t memory)
{
    ngx_memzero(spool, sizeof(ngx_junkmail_spool_t));

    spool->pool = pool;
    spool->path = path;
    spool->memory = ngx_max(memory, NGX_JUNKMAIL_SPOOL_START);
    spool->file.fd = NGX_INVALID_FILE;
    spool->file.log = pool->log;
}


ngx_int_t
ngx_junkmail_spool_add(ngx_junkmail_spool_t *spool, u_char *data, size_t len)
{
    size_t n;

    while (len != 0) {

        if (spool->len == spool->size
            && ngx_junkmail_spool_grow(spool, len) != NGX_OK) {
            return NGX_ERROR;
        }

        n = ngx_min(len, spool->size - spool->len);

        ngx_memcpy(spool->data + spool->len, data, n);
        spool->len += n;
        data += n;
        len -= n;
    }

    return NGX_OK;
}


/* Makes room behind data: a bigger buffer, or the old one emptied to disk. */

static ngx_int_t
ngx_junkmail_spool_grow(ngx_junkmail_spool_t *spool, size_t need)
{
    size_t  size;
    u_char *data;

    if (spool->size == spool->memory) {
        return ngx_junkmail_spool_file(spool);
    }

    size = ngx_max(spool->size * 2, NGX_JUNKMAIL_SPOOL_START);

    if (need > size - spool->len) {
        size = spool->len + need;
    }

    size = ngx_min(size, spool->memory);

    data = ngx_palloc(spool->pool, size);
    if (data == NULL) {
        return NGX_ERROR;
    }

    if (spool->data != NULL) {
        ngx_memcpy(data, spool->data, spool->len);
        ngx_pfree(spool->pool, spool->data);
    }

    spool->data = data;
    spool->size = size;

    return NGX_OK;
}


static ngx_int_t
ngx_junkmail_spool_file(ngx_junkmail_spool_t *spool)
{
    ssize_t n;

    if (spool->file.fd == NGX_INVALID_FILE) {
        /* Not persistent: unlinked as soon as it is open. */
        if (ngx_create_temp_file(&spool->file, spool->path, spool->pool, 0, 0,
                                 0)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    n = ngx_write_file(&spool->file, spool->data, spool->len, spool->filed);

    if (n != (ssize_t) spool->len) {
        return NGX_ERROR;
    }

    spool->filed += n;
    spool->len = 0;

    return NGX_OK;
}


off_t
ngx_junkmail_spool_size(ngx_junkmail_spool_t *spool)
{
    return spool->filed + (off_t) spool->len;
}


ssize_t
ngx_junkmail_spool_read(ngx_junkmail_spool_t *spool, off_t offset, u_char *buf,
                        size_t size)
{
    off_t left;

    if (offset < spool->filed) {
        left = spool->filed - offset;
        size = (off_t) size > left ? (size_t) left : size;

        return ngx_read_file(&spool->file, buf, size, offset);
    }

    offset -= spool->filed;
    left = (off_t) spool->len - offset;
    size = (off_t) size > left ? (size_t) left : size;

    ngx_memcpy(buf, spool->data + offset, size);

    return (ssize_t) size;
}


ngx_uint_t
ngx_junkmail_spool_room(ngx_path_t *path, off_t size)
{
    return ngx_fs_available(path->name.data) >= size;
}
