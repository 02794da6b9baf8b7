/*
 * A delivery as one pipeline: values that are too large for one command are
 * written first, in pieces and with a TTL, under the keys they are to have;
 * then jm_email_deliver (store/deliver.lua) finds them complete, lifts the TTL
 * and links them.  Every reply of the pipeline is read before anything is said
 * about it.  Called by delivery.c; by reclean.c, which puts what it has made
 * anew in the place of what is stored.
 */

#include "store.h"
#include "store_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "jm_schema.h"

#define JM_NUMBER_MAX 24 /* a size_t in decimal */

/* What is written ahead lives this long when no delivery comes to link it. */
#define JM_PIECE_TTL "600000" /* ms */

/* The arguments of one command; what has to be put together for it lies in a
 * pool that is measured before. */
typedef struct {
    const char **argv;
    size_t      *lens;
    size_t       argc;
    u_char      *pool;
    u_char      *last; /* end of what the pool holds */
} jm_store_args_t;

typedef jm_store_status_t (*jm_store_ahead_pt)(jm_store_t     *store,
                                               const char     *key,
                                               const jm_str_t *data,
                                               size_t         *pending);

static jm_store_status_t jm_store_commit(jm_store_t          *store,
                                         const jm_delivery_t *d);
static int  jm_store_args_init(jm_store_args_t *args, const jm_delivery_t *d);
static void jm_store_args_fill(jm_store_args_t *args, const jm_delivery_t *d,
                               const char *key);
static void jm_store_args_free(jm_store_args_t *args);
static jm_store_status_t jm_store_each_ahead(jm_store_t               *store,
                                             const jm_delivery_t      *d,
                                             const jm_delivery_mail_t *mail,
                                             jm_store_ahead_pt         handler,
                                             size_t *pending);
static jm_store_status_t jm_store_write_ahead(jm_store_t     *store,
                                              const char     *key,
                                              const jm_str_t *data,
                                              size_t         *pending);
static jm_store_status_t jm_store_unlink(jm_store_t *store, const char *key,
                                         const jm_str_t *data,
                                         size_t         *pending);
static jm_store_status_t jm_store_results(jm_store_t             *store,
                                          const jm_delivery_t    *d,
                                          const jm_store_reply_t *reply,
                                          jm_delivered_t         *results);
static void jm_store_discard(jm_store_t *store, const jm_delivery_t *d,
                             const jm_delivered_t *results);


jm_store_status_t
jm_store_deliver(jm_store_t *store, const jm_delivery_t *d,
                 jm_delivered_t *results)
{
    jm_store_reply_t  reply;
    jm_store_status_t status;

    status = jm_store_commit(store, d);

    if (status != JM_STORE_OK) {
        jm_store_discard(store, d, NULL);
        return status;
    }

    /* It may be stored, so what was written ahead stays until it is known what
       of it is not. */

    status = jm_store_values(store, &reply);

    if (status == JM_STORE_OK) {
        status = jm_store_results(store, d, &reply, results);
    }

    if (status == JM_STORE_OK) {
        jm_store_discard(store, d, results);
    }

    return status;
}


jm_store_status_t
jm_store_reclean(jm_store_t *store, const jm_delivery_t *d)
{
    jm_store_reply_t  reply;
    jm_store_status_t status;

    status = jm_store_commit(store, d);

    if (status == JM_STORE_OK) {
        status = jm_store_values(store, &reply);

        if (status != JM_STORE_OK || jm_store_is(&reply, 0, "OK")) {
            return status;
        }

        status = JM_STORE_UNKNOWN;
    }

    jm_store_discard(store, d, NULL);

    return status;
}


/* The pipeline: what is written ahead, the function, all replies. */
static jm_store_status_t
jm_store_commit(jm_store_t *store, const jm_delivery_t *d)
{
    char              key[64];
    size_t            i, pending;
    jm_store_args_t   args;
    jm_store_status_t status;

    snprintf(key, sizeof(key), JM_KEY_ACCOUNT, d->account);

    if (jm_store_args_init(&args, d) != 0) {
        jm_store_args_free(&args);
        snprintf(store->error, sizeof(store->error), "out of memory");
        return JM_STORE_REFUSED;
    }

    jm_store_args_fill(&args, d, key);

    status = JM_STORE_OK;
    pending = 1;

    for (i = 0; i < d->nmails && status == JM_STORE_OK; i++) {
        status = jm_store_each_ahead(store, d, &d->mails[i],
                                     jm_store_write_ahead, &pending);
    }

    if (status == JM_STORE_OK) {
        status = jm_store_send(store, (int) args.argc, args.argv, args.lens);
    }

    jm_store_args_free(&args);

    return status == JM_STORE_OK ? jm_store_collect(store, pending) : status;
}


/* Calls `handler` for every value of the mail that has a key of its own. */
static jm_store_status_t
jm_store_each_ahead(jm_store_t *store, const jm_delivery_t *d,
                    const jm_delivery_mail_t *mail, jm_store_ahead_pt handler,
                    size_t *pending)
{
    char                 key[128];
    size_t               i, n;
    const jm_str_t      *data;
    jm_store_status_t    status;
    const jm_rendered_t *shared = d->shared;
    const struct {
        const char     *name;
        const jm_str_t *data;
        size_t          above; /* bytes up to which it is not written ahead */
    } values[] = {
        { "raw", &shared->raw.data, 0 },
        { "bodies", &shared->bodies.data, JM_WINDOW },
        { "html", &shared->html.data, JM_WINDOW },
        { "detail", &mail->rendered->detail.data, JM_WINDOW },
    };

    n = sizeof(values) / sizeof(values[0]);

    for (i = 0; i < n + shared->nparts; i++) {
        if (i < n) {
            data = values[i].data;
            if (data->len <= values[i].above) {
                continue;
            }

            snprintf(key, sizeof(key), "jm:{%s}:%s:%s", d->account,
                     values[i].name, mail->rendered->id);

        } else {
            data = &shared->parts[i - n].data;
            if (data->len == 0) {
                continue; /* Redis keeps no empty strings */
            }

            snprintf(key, sizeof(key), "jm:{%s}:att:%s:%zu", d->account,
                     mail->rendered->id, i - n + 1);
        }

        status = handler(store, key, data, pending);
        if (status != JM_STORE_OK) {
            return status;
        }
    }

    return JM_STORE_OK;
}


/* SET of the first piece, with the TTL that APPEND of the others leaves. */
static jm_store_status_t
jm_store_write_ahead(jm_store_t *store, const char *key, const jm_str_t *data,
                     size_t *pending)
{
    int               argc;
    size_t            at, lens[5];
    const char       *argv[5];
    jm_store_status_t status;

    argv[1] = key;
    lens[1] = strlen(key);
    argv[3] = "PX";
    lens[3] = 2;
    argv[4] = JM_PIECE_TTL;
    lens[4] = sizeof(JM_PIECE_TTL) - 1;

    for (at = 0; at < data->len; at += lens[2]) {
        argc = at == 0 ? 5 : 3;
        argv[0] = at == 0 ? "SET" : "APPEND";
        lens[0] = strlen(argv[0]);
        argv[2] = (const char *) data->data + at;
        lens[2] = data->len - at;

        if (lens[2] > JM_WINDOW) {
            lens[2] = JM_WINDOW;
        }

        status = jm_store_send(store, argc, argv, lens);
        if (status != JM_STORE_OK) {
            return status;
        }

        (*pending)++;
    }

    return JM_STORE_OK;
}


static jm_store_status_t
jm_store_unlink(jm_store_t *store, const char *key, const jm_str_t *data,
                size_t *pending)
{
    size_t      lens[2] = { 6, strlen(key) };
    const char *argv[2] = { "UNLINK", key };

    (*pending)++;

    return jm_store_send(store, 2, argv, lens);
}


static void
jm_store_arg(jm_store_args_t *args, jm_str_t value)
{
    args->argv[args->argc] = (const char *) value.data;
    args->lens[args->argc] = value.len;
    args->argc++;
}


static void
jm_store_arg_cstr(jm_store_args_t *args, const char *value)
{
    args->argv[args->argc] = value;
    args->lens[args->argc] = strlen(value);
    args->argc++;
}


static void
jm_store_arg_number(jm_store_args_t *args, size_t number)
{
    int n;

    n = snprintf((char *) args->last, JM_NUMBER_MAX, "%zu", number);
    jm_store_arg_cstr(args, (char *) args->last);
    args->last += n + 1;
}


/* A blob's field: the header, and the data unless they lie in a key. */
static void
jm_store_arg_blob(jm_store_args_t *args, const jm_blob_t *blob)
{
    int      i;
    u_char  *p;
    size_t   j;
    uint32_t header[3];

    p = args->last;
    header[0] = blob->crc;
    header[1] = blob->length;
    header[2] = (uint32_t) blob->data.len;

    for (i = 0; i < 3; i++) {
        for (j = 0; j < 4; j++) {
            *p++ = (u_char) (header[i] >> (8 * j));
        }
    }

    if (blob->data.len != 0 && blob->data.len <= JM_WINDOW) {
        memcpy(p, blob->data.data, blob->data.len);
        p += blob->data.len;
    }

    args->argv[args->argc] = (const char *) args->last;
    args->lens[args->argc] = (size_t) (p - args->last);
    args->argc++;
    args->last = p;
}


static void
jm_store_arg_part(jm_store_args_t *args, const jm_rendered_part_t *part)
{
    int n;

    n = sprintf((char *) args->last, "%zu\n%.*s\n%.*s\n%d", part->data.len,
                (int) part->content_type.len, part->content_type.data,
                (int) part->disposition.len, part->disposition.data,
                part->is_inline ? 1 : 0);

    args->argv[args->argc] = (const char *) args->last;
    args->lens[args->argc] = (size_t) n;
    args->argc++;
    args->last += n + 1;
}


static size_t
jm_store_blob_size(const jm_blob_t *blob)
{
    return JM_BLOB_HEADER + (blob->data.len <= JM_WINDOW ? blob->data.len : 0);
}


/* Room for the arguments of a delivery.  0, or -1 without memory. */
static int
jm_store_args_init(jm_store_args_t *args, const jm_delivery_t *d)
{
    size_t                    i, n, size;
    const jm_rendered_t      *shared = d->shared;
    const jm_rendered_part_t *part;

    n = 4 + 10 + shared->nparts + 5 * d->nmails;
    size = 8 * JM_NUMBER_MAX + jm_store_blob_size(&shared->bodies)
           + jm_store_blob_size(&shared->html);

    for (i = 0; i < shared->nparts; i++) {
        part = &shared->parts[i];
        size += part->content_type.len + part->disposition.len
                + 2 * JM_NUMBER_MAX;
    }

    for (i = 0; i < d->nmails; i++) {
        size += jm_store_blob_size(&d->mails[i].rendered->detail);
    }

    args->argc = 0;
    args->argv = calloc(n, sizeof(char *));
    args->lens = calloc(n, sizeof(size_t));
    args->pool = malloc(size);
    args->last = args->pool;

    return (args->argv && args->lens && args->pool) ? 0 : -1;
}


static void
jm_store_args_free(jm_store_args_t *args)
{
    free(args->argv);
    free(args->lens);
    free(args->pool);
}


/* The arguments in the order that jm_email_deliver and jm_email_reclean
 * (store/deliver.lua) take. */
static void
jm_store_args_fill(jm_store_args_t *args, const jm_delivery_t *d,
                   const char *key)
{
    size_t                   i;
    const jm_rendered_t     *shared = d->shared;
    const jm_rendered_for_t *r;

    jm_store_arg_cstr(args, "FCALL");
    jm_store_arg_cstr(args, d->replaces != NULL ? "jm_email_reclean"
                                                : "jm_email_deliver");
    jm_store_arg_cstr(args, "1");
    jm_store_arg_cstr(args, key);

    if (d->replaces != NULL) {
        jm_store_arg_cstr(args, d->replaces);
    }

    jm_store_arg_cstr(args, d->delivery_id);
    jm_store_arg_cstr(args, d->stamp);
    jm_store_arg_number(args, shared->size);
    jm_store_arg_cstr(args, shared->has_attachments ? "1" : "0");
    jm_store_arg_number(args, shared->raw.data.len);
    jm_store_arg_blob(args, &shared->bodies);

    if (shared->html.data.len != 0) {
        jm_store_arg_blob(args, &shared->html);
    } else {
        jm_store_arg_cstr(args, "");
    }

    jm_store_arg_number(args, shared->nparts);

    for (i = 0; i < shared->nparts; i++) {
        jm_store_arg_part(args, &shared->parts[i]);
    }

    jm_store_arg_number(args, d->nmails);

    for (i = 0; i < d->nmails; i++) {
        r = d->mails[i].rendered;

        jm_store_arg_cstr(args, r->id);
        jm_store_arg_cstr(args, d->mails[i].address_id);
        jm_store_arg(args, r->search);
        jm_store_arg(args, r->summary);
        jm_store_arg_blob(args, &r->detail);
    }
}


static jm_store_status_t
jm_store_results(jm_store_t *store, const jm_delivery_t *d,
                 const jm_store_reply_t *reply, jm_delivered_t *results)
{
    size_t                  i;
    const jm_store_value_t *v;

    if (reply->nvalues != d->nmails + 1 || !jm_store_is(reply, 0, "OK")) {
        snprintf(store->error, sizeof(store->error),
                 "jm_email_deliver gave an unknown answer");
        return JM_STORE_REFUSED;
    }

    for (i = 0; i < d->nmails; i++) {
        v = &reply->values[i + 1];
        memset(&results[i], 0, sizeof(jm_delivered_t));

        if (jm_store_is(reply, i + 1, "GONE")) {
            results[i].gone = 1;

        } else if (v->text.len == sizeof(results[i].id) - 1) {
            memcpy(results[i].id, v->text.data, v->text.len);

        } else {
            snprintf(store->error, sizeof(store->error),
                     "jm_email_deliver gave an unknown result");
            return JM_STORE_REFUSED;
        }
    }

    return JM_STORE_OK;
}


/*
 * Removes what was written ahead for mails that are not stored under the id
 * it was written for: after a repeat, for addresses that are gone, after a
 * refusal (results NULL).  It would expire by itself, but not as soon as a
 * full Redis needs its memory back.  What goes wrong here changes no result.
 */
static void
jm_store_discard(jm_store_t *store, const jm_delivery_t *d,
                 const jm_delivered_t *results)
{
    char   error[sizeof(store->error)];
    size_t i, pending;

    pending = 0;
    memcpy(error, store->error, sizeof(error));

    for (i = 0; i < d->nmails; i++) {
        if (results != NULL
            && strcmp(results[i].id, d->mails[i].rendered->id) == 0) {
            continue;
        }

        if (jm_store_each_ahead(store, d, &d->mails[i], jm_store_unlink,
                                &pending)
            != JM_STORE_OK)
        {
            break;
        }
    }

    (void) jm_store_collect(store, pending);

    memcpy(store->error, error, sizeof(error));
}
