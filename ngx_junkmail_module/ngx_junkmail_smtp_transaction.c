/*
 * The transaction: sender, recipients and message of one mail, from MAIL to
 * the reply to its data.  Called by the session and by the commands.
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

static ngx_int_t ngx_junkmail_smtp_lookup(ngx_junkmail_smtp_t *smtp,
                                          jm_address_t        *address);
static ngx_int_t
ngx_junkmail_smtp_accept(ngx_junkmail_transaction_t *transaction);
static const ngx_str_t *ngx_junkmail_smtp_verdict(ngx_junkmail_smtp_t *smtp);
static ngx_int_t        ngx_junkmail_smtp_handoff(ngx_junkmail_smtp_t *smtp);
static void             ngx_junkmail_smtp_handed_off(void *data);
static ngx_int_t ngx_junkmail_smtp_copy(ngx_pool_t *pool, ngx_str_t *out,
                                        u_char *data, size_t len);

#define REPLY(name, text)                                                     \
    static const ngx_str_t ngx_junkmail_smtp_##name = ngx_string(text CRLF)

REPLY(recipient_ok, "250 2.1.5 Recipient OK");
REPLY(recipient_unknown, "550 5.1.1 No such address here");
REPLY(recipient_closed, "550 5.2.1 Address no longer accepts mail");
REPLY(recipient_full, "452 4.2.2 Mailbox full");
REPLY(recipient_foreign, "550 5.7.1 Relaying denied");
REPLY(recipient_away, "451 4.3.0 Cannot look up the recipient, try later");

REPLY(data_line_ends, "550 5.6.11 Bare CR, bare LF or NUL in the message");
REPLY(data_too_big, "552 5.3.4 Message size exceeds the limit");
REPLY(data_loop, "554 5.4.6 Too many hops, mail loop");
REPLY(data_no_space, "452 4.3.1 Insufficient system storage, try later");
REPLY(data_internal, "451 4.3.0 Internal error, try later");

#undef REPLY

/* The replies to RCPT, by ngx_junkmail_lookup_status_t. */

static const ngx_str_t *ngx_junkmail_smtp_recipients[] = {
    NULL,
    &ngx_junkmail_smtp_recipient_ok,
    &ngx_junkmail_smtp_recipient_unknown,
    &ngx_junkmail_smtp_recipient_closed,
    &ngx_junkmail_smtp_recipient_full,
    &ngx_junkmail_smtp_recipient_foreign,
    &ngx_junkmail_smtp_recipient_away,
};


ngx_int_t
ngx_junkmail_smtp_begin(ngx_junkmail_smtp_t *smtp, jm_str_t from)
{
    ngx_pool_t                 *pool;
    ngx_junkmail_transaction_t *transaction;

    pool = ngx_create_pool(NGX_JUNKMAIL_SMTP_POOL, smtp->connection->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    transaction = ngx_pcalloc(pool, sizeof(ngx_junkmail_transaction_t));

    if (transaction == NULL
        || ngx_array_init(&transaction->recipients, pool, 2, sizeof(ngx_str_t))
               != NGX_OK
        || ngx_junkmail_smtp_copy(pool, &transaction->from, from.data,
                                  from.len)
               != NGX_OK
        || jm_delivery_id((char *) transaction->id) == -1)
    {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    transaction->pool = pool;
    ngx_junkmail_spool_init(&transaction->spool, pool, smtp->conf->spool_path,
                            smtp->conf->spool_memory);

    smtp->transaction = transaction;
    smtp->transactions++;

    smtp->mail = 1;
    ngx_memcpy(smtp->id, transaction->id, sizeof(smtp->id));
    ngx_memcpy(smtp->from_data, from.data, from.len);
    smtp->from.data = smtp->from_data;
    smtp->from.len = from.len;

    return NGX_OK;
}


void
ngx_junkmail_smtp_resolve(ngx_junkmail_smtp_t *smtp, jm_address_t *address)
{
    ngx_int_t rc;

    rc = ngx_junkmail_smtp_lookup(smtp, address);

    if (rc == NGX_OK) {
        ngx_junkmail_smtp_state(smtp, NGX_JUNKMAIL_SMTP_LOOKUP);

    } else if (rc == NGX_DECLINED) {
        smtp->transaction->rcpt_refused = 1;
        ngx_junkmail_smtp_error(smtp, &ngx_junkmail_smtp_recipient_unknown);

    } else {
        ngx_junkmail_smtp_reply(smtp, &ngx_junkmail_smtp_recipient_away);
    }
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
    u_char                      full[sizeof("postmaster@") + JM_DOMAIN_MAX];
    ssize_t                     n;
    jm_str_t                    text;
    ngx_str_t                   key;
    ngx_uint_t                  postmaster;
    jm_address_t                ours;
    ngx_junkmail_transaction_t *transaction;

    transaction = smtp->transaction;
    postmaster = address->postmaster;

    if (postmaster) {
        /* RFC 5321, 4.5.1: <postmaster> is ours, without domain. */
        text.data = full;
        text.len = (size_t) (ngx_slprintf(full, full + sizeof(full),
                                          "postmaster@%V",
                                          &smtp->conf->hostname)
                             - full);

        if (jm_mailbox_parse(text, &ours) == -1) {
            return NGX_ERROR;
        }

        address = &ours;
    }

    n = jm_address_key(address, data);
    if (n == -1) {
        return NGX_DECLINED;
    }

    key.data = data;
    key.len = (size_t) n;

    transaction->lookup = ngx_junkmail_lookup(
        smtp->connection->log, &key, postmaster, ngx_junkmail_smtp_wake, smtp);
    if (transaction->lookup == NULL) {
        return NGX_ERROR;
    }

    if (ngx_junkmail_smtp_copy(transaction->lookup->pool,
                               &transaction->recipient, address->path.data,
                               address->path.len)
        != NGX_OK)
    {
        ngx_destroy_pool(transaction->lookup->pool);
        transaction->lookup = NULL;
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_junkmail_smtp_recipient(ngx_junkmail_smtp_t *smtp)
{
    ngx_junkmail_transaction_t  *transaction;
    ngx_junkmail_lookup_status_t status;

    transaction = smtp->transaction;
    status = transaction->lookup->status;

    if (status == NGX_JUNKMAIL_LOOKUP_FOUND) {
        if (ngx_junkmail_smtp_accept(transaction) == NGX_OK) {
            smtp->recipients++;

        } else {
            status = NGX_JUNKMAIL_LOOKUP_AWAY;
        }

    } else {
        transaction->rcpt_refused = 1;
    }

    ngx_destroy_pool(transaction->lookup->pool);
    transaction->lookup = NULL;

    if (status == NGX_JUNKMAIL_LOOKUP_UNKNOWN
        || status == NGX_JUNKMAIL_LOOKUP_FOREIGN)
    {
        ngx_junkmail_smtp_error(smtp, ngx_junkmail_smtp_recipients[status]);

    } else {
        ngx_junkmail_smtp_reply(smtp, ngx_junkmail_smtp_recipients[status]);
    }
}


/* Takes the recipient that was looked up from the look-up's pool into ours. */

static ngx_int_t
ngx_junkmail_smtp_accept(ngx_junkmail_transaction_t *transaction)
{
    ngx_str_t *slot, path;

    if (ngx_junkmail_smtp_copy(transaction->pool, &path,
                               transaction->recipient.data,
                               transaction->recipient.len)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    slot = ngx_array_push(&transaction->recipients);
    if (slot == NULL) {
        return NGX_ERROR;
    }

    *slot = path;

    return NGX_OK;
}


/*
 * What we cannot keep is read to its end all the same: the client hears the
 * reply to the message only there.
 */

void
ngx_junkmail_smtp_body(ngx_junkmail_smtp_t *smtp, jm_str_t run)
{
    ngx_junkmail_transaction_t *transaction;

    transaction = smtp->transaction;

    if (transaction->refused == NULL) {
        transaction->refused = ngx_junkmail_smtp_verdict(smtp);
    }

    if (transaction->refused != NULL) {
        return;
    }

    if (ngx_junkmail_spool_add(&transaction->spool, run.data, run.len)
        != NGX_OK) {
        transaction->refused = &ngx_junkmail_smtp_data_no_space;
    }
}


/* The reply that refuses the message for what it holds so far, or NULL. */

static const ngx_str_t *
ngx_junkmail_smtp_verdict(ngx_junkmail_smtp_t *smtp)
{
    jm_data_t *data;

    data = &smtp->transaction->data;

    if (data->bare_cr || data->bare_lf || data->nul) {
        return &ngx_junkmail_smtp_data_line_ends;
    }

    if (data->size > (uint64_t) smtp->conf->message_size) {
        return &ngx_junkmail_smtp_data_too_big;
    }

    if (data->hops > NGX_JUNKMAIL_SMTP_HOPS) {
        return &ngx_junkmail_smtp_data_loop;
    }

    return NULL;
}


void
ngx_junkmail_smtp_commit(ngx_junkmail_smtp_t *smtp)
{
    ngx_junkmail_transaction_t *transaction;

    transaction = smtp->transaction;

    if (transaction->refused == NULL) {
        transaction->refused = ngx_junkmail_smtp_verdict(smtp);
    }

    if (transaction->refused == NULL
        && ngx_junkmail_smtp_handoff(smtp) != NGX_OK) {
        transaction->refused = &ngx_junkmail_smtp_data_internal;
    }

    if (transaction->refused == NULL) {
        ngx_junkmail_smtp_state(smtp, NGX_JUNKMAIL_SMTP_HANDOFF);
        return;
    }

    ngx_junkmail_smtp_reply(smtp, transaction->refused);
    ngx_junkmail_smtp_rollback(smtp);
    ngx_junkmail_smtp_state(smtp, NGX_JUNKMAIL_SMTP_COMMAND);
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
    request->recipients = &transaction->recipients;
    request->spool = &transaction->spool;
    request->handler = ngx_junkmail_smtp_handed_off;
    request->data = smtp;

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
    u_char                       text[NGX_JUNKMAIL_SMTP_REPLY];
    ngx_str_t                    reply;
    ngx_junkmail_lmtp_request_t *request;

    request = &smtp->transaction->handoff;
    reply.data = text;

    if (request->code / 100 == 2) {
        smtp->messages++;
        smtp->junk = 0;
        reply.len = (size_t) (ngx_slprintf(text, text + sizeof(text),
                                           "250 2.0.0 Stored as %V" CRLF,
                                           &request->id)
                              - text);

    } else {
        reply.len = (size_t) (ngx_slprintf(text, text + sizeof(text),
                                           "%V" CRLF, &request->reply)
                              - text);
    }

    ngx_log_error(NGX_LOG_INFO, smtp->connection->log, 0,
                  "message %V to %ui recipients, %O octets: %V", &request->id,
                  request->recipients->nelts,
                  ngx_junkmail_spool_size(request->spool), &request->reply);

    ngx_junkmail_smtp_reply(smtp, &reply);
    ngx_junkmail_smtp_rollback(smtp);
    ngx_junkmail_smtp_state(smtp, NGX_JUNKMAIL_SMTP_COMMAND);
}


void
ngx_junkmail_smtp_rollback(ngx_junkmail_smtp_t *smtp)
{
    ngx_junkmail_transaction_t *transaction;

    transaction = smtp->transaction;

    if (transaction == NULL) {
        return;
    }

    smtp->transaction = NULL;

    if (transaction->lookup != NULL) {
        ngx_destroy_pool(transaction->lookup->pool);
    }

    ngx_destroy_pool(transaction->pool);
}


static ngx_int_t
ngx_junkmail_smtp_copy(ngx_pool_t *pool, ngx_str_t *out, u_char *data,
                       size_t len)
{
    out->data = ngx_pnalloc(pool, len + 1);
    if (out->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(out->data, data, len);
    out->len = len;

    return NGX_OK;
}
