/*
 * What the API's resources share: a request becomes one call of a Redis
 * function, its answer becomes the response.  Used by ngx_junkmail_api_*.c;
 * the handlers of the route table are declared at the end.
 */

#ifndef _NGX_JUNKMAIL_API_H_INCLUDED_
#define _NGX_JUNKMAIL_API_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_junkmail.h"
#include "ngx_junkmail_redis.h"

/*
 * Gets a reply that is neither missing nor an error; of a function, the array
 * whose first element is OK.  It must answer and finalise the request, or ask
 * again.
 */
typedef void (*ngx_junkmail_api_pt)(ngx_http_request_t      *r,
                                    ngx_http_junkmail_ctx_t *ctx,
                                    redisReply              *reply);

/*
 * Calls `function` for the account and key of the request with the arguments
 * of `argv` behind them.  Any status but OK is answered with its error, except
 * `also` (NULL: none), which `handler` gets as well.  NGX_OK, or NGX_ERROR
 * when Redis is away.
 */
ngx_int_t ngx_junkmail_api_write(ngx_http_request_t *r,
                                 ngx_junkmail_api_pt handler,
                                 const char *function, const char *also,
                                 ngx_uint_t argc, ngx_str_t *argv);
ngx_int_t ngx_junkmail_api_read(ngx_http_request_t *r,
                                ngx_junkmail_api_pt handler,
                                const char *function, const char *also,
                                ngx_uint_t argc, ngx_str_t *argv);

/* The same for a function that checks no key and works on `key` of Redis. */
ngx_int_t ngx_junkmail_api_function(ngx_http_request_t *r,
                                    ngx_junkmail_api_pt handler,
                                    const char *function, const char *also,
                                    ngx_str_t *key, ngx_uint_t argc,
                                    ngx_str_t *argv);

/* A plain command. */
ngx_int_t ngx_junkmail_api_command(ngx_http_request_t *r,
                                   ngx_junkmail_api_pt handler,
                                   ngx_uint_t argc, ngx_str_t *argv);

/*
 * Adds `member`, "<kind>:<account>[:<id>]", to what the reaper has to do at
 * `due` (Unix ms).  `handler` may be NULL: then only an error is answered.
 * NGX_ERROR also when there was no memory for `member`.
 */
ngx_int_t ngx_junkmail_api_due(ngx_http_request_t *r,
                               ngx_junkmail_api_pt handler, ngx_str_t *member,
                               int64_t due);

/*
 * Has the store remember, once a day, that the account is in use: reading
 * leaves no other trace there.  Nobody waits for it.
 */
void ngx_junkmail_api_seen(ngx_http_request_t *r);

/*
 * What a content handler returns when it has asked; `rc` is what asking gave.
 * A read ends when the client leaves; a change runs to its end.
 */
ngx_int_t ngx_junkmail_api_wait_read(ngx_http_request_t *r, ngx_int_t rc);
ngx_int_t ngx_junkmail_api_wait_write(ngx_http_request_t *r, ngx_int_t rc);

/* From a callback: fails the request when asking again did not succeed. */
void ngx_junkmail_api_again(ngx_http_request_t *r, ngx_int_t rc);

/* From a callback: {"data":`json`}, {"message":`text`}; an error when there
 * was no memory for `json`. */
void ngx_junkmail_api_data(ngx_http_request_t *r, ngx_uint_t status,
                           ngx_str_t *json);
void ngx_junkmail_api_message(ngx_http_request_t *r, const char *text);

/* The handler of functions that answer OK and the JSON of the data. */
void ngx_junkmail_api_got(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx,
                          redisReply *reply);

/* Elements of replies; what is not there is empty or 0. */
ngx_str_t ngx_junkmail_api_string(redisReply *reply, size_t element);
int64_t   ngx_junkmail_api_integer(redisReply *reply, size_t element);

/* Text in the request's pool; `data` is NULL without memory. */
ngx_str_t ngx_junkmail_api_printf(ngx_http_request_t *r, size_t size,
                                  const char *format, ...);
ngx_str_t ngx_junkmail_api_copy(ngx_http_request_t *r, ngx_str_t *text);

/* A path's id, or one that no object has when it is malformed: so a bad key
 * is told first. */
ngx_str_t ngx_junkmail_api_id(ngx_str_t *text);

/* Unix milliseconds. */
int64_t ngx_junkmail_api_now(void);

/*
 * Query arguments, unescaped; `folded` as jm_fold() does, of UTF-8 and at most
 * 200 bytes.  NGX_OK; NGX_DECLINED: absent, `out` unchanged; NGX_ERROR: of the
 * wrong form.
 */
ngx_int_t ngx_junkmail_api_arg(ngx_http_request_t *r, const char *name,
                               ngx_str_t *out);
ngx_int_t ngx_junkmail_api_arg_folded(ngx_http_request_t *r, const char *name,
                                      ngx_str_t *out);
ngx_int_t ngx_junkmail_api_arg_number(ngx_http_request_t *r, const char *name,
                                      ngx_int_t max, ngx_int_t *out);
ngx_int_t ngx_junkmail_api_arg_flag(ngx_http_request_t *r, const char *name,
                                    ngx_flag_t *out);

/* limit and offset; absent, they stay as they are.  NULL, or the field that is
 * wrong. */
const char *ngx_junkmail_api_page(ngx_http_request_t *r, ngx_int_t *limit,
                                  ngx_int_t *offset);


/* The JSON body: ngx_junkmail_api_body.c. */

/*
 * Reads, checks and parses it, then calls the route's handler; no body counts
 * as an empty object.  Returns what a content handler does.
 */
ngx_int_t ngx_junkmail_api_read_body(ngx_http_request_t *r);

/* A member of the request's object; NULL when it is absent or null. */
cJSON *ngx_junkmail_api_field(ngx_http_request_t *r, const char *name);

/*
 * NGX_OK, NGX_DECLINED: absent or null, NGX_ERROR: of another type, or out of
 * range.  The string lives as long as the request and may be written to.
 */
ngx_int_t ngx_junkmail_api_field_string(ngx_http_request_t *r,
                                        const char *name, ngx_str_t *out);
ngx_int_t ngx_junkmail_api_field_integer(ngx_http_request_t *r,
                                         const char *name, int64_t min,
                                         int64_t max, int64_t *out);

/* NGX_OK and "0" or "1", NGX_DECLINED: absent, NGX_ERROR: no boolean. */
ngx_int_t ngx_junkmail_api_field_flag(ngx_http_request_t *r, const char *name,
                                      ngx_str_t *out);


/* Long responses: ngx_junkmail_api_stream.c. */

/* Bytes in memory, or `length` bytes of a Redis string from `start` on. */
typedef struct {
    ngx_str_t memory;
    ngx_str_t key; /* empty: memory */
    off_t     start;
    off_t     length;
} ngx_junkmail_api_part_t;

/*
 * Sends the header, with the length of all, and the `n` parts (which live as
 * long as `r`), asking Redis for the next window when the client has drained
 * the last.  Finalises the request.
 */
void ngx_junkmail_api_send(ngx_http_request_t *r, ngx_http_junkmail_ctx_t *ctx,
                           ngx_junkmail_api_part_t *parts, ngx_uint_t n);

/*
 * Headers of mail content: ETag of this version (`"<id>-<version>"`, `-gz`
 * with gzip), Vary, Cache-Control, Content-Encoding.  NGX_OK; NGX_DONE when
 * the client has it: 304 has been sent and the request finalised; NGX_ERROR.
 */
ngx_int_t ngx_junkmail_api_validate(ngx_http_request_t *r, ngx_str_t *id,
                                    int64_t version, ngx_uint_t gzip);

/* Vary and Cache-Control alone. */
ngx_int_t ngx_junkmail_api_cache(ngx_http_request_t *r);

/* The ETag itself, quotes included. */
ngx_str_t ngx_junkmail_api_etag(ngx_http_request_t *r, ngx_str_t *id,
                                int64_t version, ngx_uint_t gzip);

/* Marks the response as gzip; nginx's gunzip filter serves who cannot. */
ngx_int_t ngx_junkmail_api_gzip(ngx_http_request_t *r);


/* ngx_junkmail_api_account.c */
ngx_int_t ngx_junkmail_api_account_create(ngx_http_request_t      *r,
                                          ngx_http_junkmail_ctx_t *ctx);
ngx_int_t ngx_junkmail_api_account_get(ngx_http_request_t      *r,
                                       ngx_http_junkmail_ctx_t *ctx);
ngx_int_t ngx_junkmail_api_account_delete(ngx_http_request_t      *r,
                                          ngx_http_junkmail_ctx_t *ctx);
ngx_int_t ngx_junkmail_api_domains(ngx_http_request_t      *r,
                                   ngx_http_junkmail_ctx_t *ctx);

/* ngx_junkmail_api_key.c */
ngx_int_t ngx_junkmail_api_key_list(ngx_http_request_t      *r,
                                    ngx_http_junkmail_ctx_t *ctx);
ngx_int_t ngx_junkmail_api_key_create(ngx_http_request_t      *r,
                                      ngx_http_junkmail_ctx_t *ctx);
ngx_int_t ngx_junkmail_api_key_delete(ngx_http_request_t      *r,
                                      ngx_http_junkmail_ctx_t *ctx);

/* ngx_junkmail_api_address.c */
ngx_int_t ngx_junkmail_api_address_list(ngx_http_request_t      *r,
                                        ngx_http_junkmail_ctx_t *ctx);
ngx_int_t ngx_junkmail_api_address_create(ngx_http_request_t      *r,
                                          ngx_http_junkmail_ctx_t *ctx);
ngx_int_t ngx_junkmail_api_address_get(ngx_http_request_t      *r,
                                       ngx_http_junkmail_ctx_t *ctx);
ngx_int_t ngx_junkmail_api_address_update(ngx_http_request_t      *r,
                                          ngx_http_junkmail_ctx_t *ctx);
ngx_int_t ngx_junkmail_api_address_delete(ngx_http_request_t      *r,
                                          ngx_http_junkmail_ctx_t *ctx);

/* ngx_junkmail_api_email.c */
ngx_int_t ngx_junkmail_api_email_list(ngx_http_request_t      *r,
                                      ngx_http_junkmail_ctx_t *ctx);
ngx_int_t ngx_junkmail_api_email_get(ngx_http_request_t      *r,
                                     ngx_http_junkmail_ctx_t *ctx);

/* Answers with the email of ctx->arg[0]: what jm_email_get says. */
void ngx_junkmail_api_email_got(ngx_http_request_t      *r,
                                ngx_http_junkmail_ctx_t *ctx,
                                redisReply              *reply);

/* ngx_junkmail_api_wait.c */
ngx_int_t ngx_junkmail_api_email_wait(ngx_http_request_t      *r,
                                      ngx_http_junkmail_ctx_t *ctx);

/* ngx_junkmail_api_change.c */
ngx_int_t ngx_junkmail_api_email_update(ngx_http_request_t      *r,
                                        ngx_http_junkmail_ctx_t *ctx);
ngx_int_t ngx_junkmail_api_email_update_many(ngx_http_request_t      *r,
                                             ngx_http_junkmail_ctx_t *ctx);
ngx_int_t ngx_junkmail_api_email_delete(ngx_http_request_t      *r,
                                        ngx_http_junkmail_ctx_t *ctx);

/* ngx_junkmail_api_part.c */
ngx_int_t ngx_junkmail_api_email_html(ngx_http_request_t      *r,
                                      ngx_http_junkmail_ctx_t *ctx);
ngx_int_t ngx_junkmail_api_email_source(ngx_http_request_t      *r,
                                        ngx_http_junkmail_ctx_t *ctx);
ngx_int_t ngx_junkmail_api_email_attachment(ngx_http_request_t      *r,
                                            ngx_http_junkmail_ctx_t *ctx);
ngx_int_t ngx_junkmail_api_view_create(ngx_http_request_t      *r,
                                       ngx_http_junkmail_ctx_t *ctx);
ngx_int_t ngx_junkmail_api_view_html(ngx_http_request_t      *r,
                                     ngx_http_junkmail_ctx_t *ctx);
ngx_int_t ngx_junkmail_api_view_attachment(ngx_http_request_t      *r,
                                           ngx_http_junkmail_ctx_t *ctx);

#endif /* _NGX_JUNKMAIL_API_H_INCLUDED_ */
