/*
 * The transaction: sender, recipients and message of one mail, from MAIL to
 * the reply to its data.  Called by ngx_junkmail_smtp.c for the events of the
 * session; each ends in an answer to it.
 *
 * It begins in a pool of its own and ends in ngx_junkmail_smtp_rollback(),
 * whichever way it ends; what it waits for, a look-up or the hand-off, ends
 * with it.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_stream.h>

#include "ngx_junkmail_smtp.h"

#include "jm_id.h"

#define NGX_JUNKMAIL_SMTP_POOL 4096

static jm_session_reply_t
ngx_junkmail_smtp_create_transaction(ngx_junkmail_smtp_t *smtp);
static ngx_int_t ngx_junkmail_smtp_lookup(ngx_junkmail_smtp_t *smtp,
                                          jm_address_t        *address);
static void      ngx_junkmail_smtp_reject(ngx_junkmail_smtp_t         *smtp,
                                          ngx_junkmail_lookup_status_t status);
static ngx_int_t
ngx_junkmail_smtp_accept(ngx_junkmail_transaction_t *transaction,
                         jm_str_t                    path);
static ngx_int_t ngx_junkmail_smtp_handoff(ngx_junkmail_smtp_t *smtp);
static void      ngx_junkmail_smtp_handed_off(void *data);
static ngx_str_t ngx_junkmail_smtp_codes(const ngx_str_t *reply);
static void      ngx_junkmail_smtp_say(ngx_junkmail_smtp_t *smtp,
                                       jm_session_reply_t   reply);
static ngx_int_t ngx_junkmail_smtp_copy(ngx_pool_t *pool, ngx_str_t *out,
                                        jm_str_t text);

/* The replies that refuse a recipient, by ngx_junkmail_lookup_status_t. */

static const jm_session_reply_t ngx_junkmail_smtp_recipients[] = {
    [NGX_JUNKMAIL_LOOKUP_UNKNOWN] = JM_SAY_RCPT_UNKNOWN,
    [NGX_JUNKMAIL_LOOKUP_CLOSED] = JM_SAY_RCPT_CLOSED,
    [NGX_JUNKMAIL_LOOKUP_FULL] = JM_SAY_RCPT_FULL,
    [NGX_JUNKMAIL_LOOKUP_FOREIGN] = JM_SAY_RCPT_FOREIGN,
    [NGX_JUNKMAIL_LOOKUP_AWAY] = JM_SAY_RCPT_AWAY,
};


void
ngx_junkmail_smtp_begin(ngx_junkmail_smtp_t *smtp)
{
    ngx_junkmail_smtp_say(smtp, ngx_junkmail_smtp_create_transaction(smtp));
}


static jm_session_reply_t
ngx_junkmail_smtp_create_transaction(ngx_junkmail_smtp_t *smtp)
{
    ngx_pool_t                 *pool;
    ngx_junkmail_transaction_t *transaction;

    if (!ngx_junkmail_spool_room(smtp->conf->spool_path,
                                 smtp->conf->message_size)) {
        return JM_SAY_NO_SPACE;
    }

    pool = ngx_create_pool(NGX_JUNKMAIL_SMTP_POOL, smtp->connection->log);
    if (pool == NULL) {
        return JM_SAY_INTERNAL;
    }

    transaction = ngx_pcalloc(pool, sizeof(ngx_junkmail_transaction_t));

    if (transaction == NULL
        || ngx_array_init(&transaction->recipients, pool, 2, sizeof(ngx_str_t))
               != NGX_OK
        || ngx_junkmail_smtp_copy(pool, &transaction->from, smtp->session.from)
               != NGX_OK
        || jm_delivery_id((char *) transaction->id) == -1)
    {
        ngx_destroy_pool(pool);
        return JM_SAY_INTERNAL;
    }

    transaction->pool = pool;
    ngx_junkmail_spool_init(&transaction->spool, pool, smtp->conf->spool_path,
                            smtp->conf->spool_memory);

    smtp->transaction = transaction;
    smtp->data_since = 0; /* chunks may have come before it, in vain */
    smtp->size = 0;
    smtp->handoff = NGX_CONF_UNSET_MSEC;
    ngx_memcpy(smtp->id, transaction->id, sizeof(smtp->id));

    ngx_junkmail_count(NGX_JUNKMAIL_COUNT_TRANSACTIONS);

    return JM_SAY_MAIL_OK;
}


void
ngx_junkmail_smtp_resolve(ngx_junkmail_smtp_t *smtp)
{
    ngx_int_t rc;

    rc = ngx_junkmail_smtp_lookup(smtp, &smtp->session.path.address);

    if (rc == NGX_OK) {
        ngx_junkmail_smtp_state(smtp, NGX_JUNKMAIL_SMTP_LOOKUP);
        return;
    }

    ngx_junkmail_smtp_reject(smtp, rc == NGX_DECLINED
                                       ? NGX_JUNKMAIL_LOOKUP_UNKNOWN
                                       : NGX_JUNKMAIL_LOOKUP_AWAY);
    ngx_junkmail_smtp_next(smtp);
}


/*
 * Starts the look-up; all memory is in its pool, so that refused recipients
 * leave nothing behind.  NGX_DECLINED for an address without key form, which
 * cannot be anybody's.
 */

static ngx_int_t
ngx_junkmail_smtp_lookup(ngx_junkmail_smtp_t *smtp, jm_address_t *address)
{
    u_char                      data[JM_KEY_ADDRESS_MAX];
    ssize_t                     n;
    ngx_str_t                   key;
    ngx_junkmail_transaction_t *transaction;

    transaction = smtp->transaction;

    n = jm_address_key(address, data);
    if (n == -1) {
        return NGX_DECLINED;
    }

    key.data = data;
    key.len = (size_t) n;

    transaction->lookup = ngx_junkmail_lookup(smtp->connection->log, &key,
                                              ngx_junkmail_smtp_wake, smtp);

    return transaction->lookup == NULL ? NGX_ERROR : NGX_OK;
}


void
ngx_junkmail_smtp_recipient(ngx_junkmail_smtp_t *smtp)
{
    ngx_junkmail_transaction_t  *transaction;
    ngx_junkmail_lookup_status_t status;

    transaction = smtp->transaction;
    status = transaction->lookup->status;

    ngx_destroy_pool(transaction->lookup->pool);
    transaction->lookup = NULL;

    if (status == NGX_JUNKMAIL_LOOKUP_FOUND
        && ngx_junkmail_smtp_accept(transaction,
                                    smtp->session.path.address.path)
               != NGX_OK)
    {
        status = NGX_JUNKMAIL_LOOKUP_AWAY;
    }

    if (status == NGX_JUNKMAIL_LOOKUP_FOUND) {
        ngx_junkmail_smtp_say(smtp, JM_SAY_RCPT_OK);

    } else {
        ngx_junkmail_smtp_reject(smtp, status);
    }
}


/* An address that names many who do not exist looks for those who do. */

static void
ngx_junkmail_smtp_reject(ngx_junkmail_smtp_t         *smtp,
                         ngx_junkmail_lookup_status_t status)
{
    if ((status == NGX_JUNKMAIL_LOOKUP_UNKNOWN
         || status == NGX_JUNKMAIL_LOOKUP_FOREIGN)
        && ngx_junkmail_limit_unknown(&smtp->limit) != NGX_OK)
    {
        ngx_junkmail_smtp_say(smtp, JM_SAY_MANY_UNKNOWN);
        return;
    }

    ngx_junkmail_smtp_say(smtp, ngx_junkmail_smtp_recipients[status]);
}


static ngx_int_t
ngx_junkmail_smtp_accept(ngx_junkmail_transaction_t *transaction,
                         jm_str_t                    path)
{
    ngx_str_t *slot, copy;

    if (ngx_junkmail_smtp_copy(transaction->pool, &copy, path) != NGX_OK) {
        return NGX_ERROR;
    }

    slot = ngx_array_push(&transaction->recipients);
    if (slot == NULL) {
        return NGX_ERROR;
    }

    *slot = copy;

    return NGX_OK;
}


void
ngx_junkmail_smtp_body(ngx_junkmail_smtp_t *smtp)
{
    jm_str_t *run;

    run = &smtp->session.run;

    if (ngx_junkmail_spool_add(&smtp->transaction->spool, run->data, run->len)
        != NGX_OK)
    {
        jm_session_refuse(&smtp->session, JM_SAY_NO_SPACE);
    }
}


void
ngx_junkmail_smtp_commit(ngx_junkmail_smtp_t *smtp)
{
    if (ngx_junkmail_smtp_handoff(smtp) == NGX_OK) {
        ngx_junkmail_smtp_state(smtp, NGX_JUNKMAIL_SMTP_HANDOFF);
        return;
    }

    ngx_junkmail_smtp_say(smtp, JM_SAY_INTERNAL);
    ngx_junkmail_smtp_rollback(smtp);
    ngx_junkmail_smtp_state(smtp, NGX_JUNKMAIL_SMTP_READ);
}


static ngx_int_t
ngx_junkmail_smtp_handoff(ngx_junkmail_smtp_t *smtp)
{
    ngx_junkmail_transaction_t  *transaction;
    ngx_junkmail_lmtp_request_t *request;

    transaction = smtp->transaction;
    request = &transaction->handoff;

    if (ngx_junkmail_smtp_trace(smtp, &request->trace) != NGX_OK) {
        return NGX_ERROR;
    }

    request->pool = transaction->pool;
    request->log = smtp->connection->log;
    request->backends = smtp->conf->backends;
    request->hostname = smtp->conf->hostname;
    request->id.data = transaction->id;
    request->id.len = sizeof(transaction->id) - 1;
    request->from = transaction->from;
    request->utf8 = smtp->session.utf8;
    request->recipients = &transaction->recipients;
    request->spool = &transaction->spool;
    request->handler = ngx_junkmail_smtp_handed_off;
    request->data = smtp;

    transaction->handed = ngx_current_msec;

    return ngx_junkmail_lmtp_send(request);
}


static void
ngx_junkmail_smtp_handed_off(void *data)
{
    ngx_junkmail_smtp_t *smtp;

    smtp = data;
    smtp->transaction->handed_off = 1;
    ngx_junkmail_smtp_wake(smtp);
}


void
ngx_junkmail_smtp_answer(ngx_junkmail_smtp_t *smtp)
{
    jm_str_t                     value;
    ngx_str_t                    codes;
    ngx_uint_t                   stored;
    ngx_junkmail_lmtp_request_t *request;

    request = &smtp->transaction->handoff;
    stored = (request->code / 100 == 2);
    smtp->handoff = ngx_current_msec - smtp->transaction->handed;
    ngx_junkmail_count_time(NGX_JUNKMAIL_TIME_HANDOFF, smtp->handoff);

    if (stored) {
        ngx_junkmail_count(NGX_JUNKMAIL_COUNT_MESSAGES);
    }

    codes = ngx_junkmail_smtp_codes(&request->reply);

    ngx_log_error(NGX_LOG_INFO, smtp->connection->log, 0,
                  "message %V to %ui recipients, %O octets: %V", &request->id,
                  request->recipients->nelts,
                  ngx_junkmail_spool_size(request->spool), &codes);

    value.data = stored ? request->id.data : request->reply.data;
    value.len = stored ? request->id.len : request->reply.len;

    jm_session_answer(&smtp->session, stored ? JM_SAY_STORED : JM_SAY_BACKEND,
                      value);

    if (!stored) {
        smtp->session.said.len = codes.len;
    }

    ngx_junkmail_smtp_rollback(smtp);
}


/* "550 5.1.1" of a reply: the words of another's server may name a recipient,
 * which no log is to hold. */

static ngx_str_t
ngx_junkmail_smtp_codes(const ngx_str_t *reply)
{
    size_t    i;
    ngx_str_t codes;

    for (i = 0; i < reply->len; i++) {
        if (i > sizeof("550") - 1 && reply->data[i] == ' ') {
            break;
        }
    }

    codes.data = reply->data;
    codes.len = i;

    return codes;
}


void
ngx_junkmail_smtp_rollback(ngx_junkmail_smtp_t *smtp)
{
    ngx_junkmail_transaction_t *transaction;

    transaction = smtp->transaction;

    if (transaction == NULL) {
        return;
    }

    smtp->size = (size_t) ngx_junkmail_spool_size(&transaction->spool);

    if (smtp->conf->log != NULL) {
        ngx_junkmail_log_line(smtp->conf->log, smtp->stream,
                              transaction->pool);
    }

    smtp->transaction = NULL;
    smtp->data_since = 0;

    if (transaction->lookup != NULL) {
        ngx_destroy_pool(transaction->lookup->pool);
    }

    ngx_destroy_pool(transaction->pool);
}


static void
ngx_junkmail_smtp_say(ngx_junkmail_smtp_t *smtp, jm_session_reply_t reply)
{
    jm_session_answer(&smtp->session, reply, jm_str(""));
}


static ngx_int_t
ngx_junkmail_smtp_copy(ngx_pool_t *pool, ngx_str_t *out, jm_str_t text)
{
    out->data = ngx_pnalloc(pool, text.len + 1);
    if (out->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(out->data, text.data, text.len);
    out->len = text.len;

    return NGX_OK;
}
