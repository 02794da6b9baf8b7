/*
 * The store over hiredis, blocking, one connection a process: the commands
 * that delivery.c, the supervisor, reaper.c and admin.c need, and what Redis's
 * replies mean to them.
 *
 * A delivery is one pipeline: values that are too large for one command are
 * written first, in pieces and with a TTL, under the keys they are to have;
 * then jm_email_deliver finds them complete, lifts the TTL and links them.
 * Every reply of the pipeline is read before anything is said about it.
 *
 * Nothing here outlives a call but the connection and the last reply.
 */

#include "store.h"
#include "store_call.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <hiredis/hiredis.h>

#include "jm_id.h"
#include "jm_key.h"
#include "jm_route.h"
#include "jm_schema.h"

#define JM_PASSWORD_MAX 512
#define JM_NUMBER_MAX   24 /* a size_t in decimal */

/* A word, an account, an address's id. */
#define JM_RECIPIENT_MAX (3 * JM_UUID_LEN)

/* What is written ahead lives this long when no delivery comes to link it. */
#define JM_PIECE_TTL "600000" /* ms */

struct jm_store_s {
    redisContext     *redis;
    redisReply       *reply; /* of the last call */
    jm_store_value_t *values;
    size_t            nvalues; /* allocated */
    int               timeout_ms;
    char              error[512];
};

/* Error replies that are not just a refusal.  Those that will answer alike to
 * everything else too are as good as no connection. */
typedef struct {
    const char       *prefix;
    jm_store_status_t status;
} jm_store_meaning_t;

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

static int jm_store_password(const char *path, char *password, char *err,
                             size_t errlen);
static jm_store_status_t jm_store_auth(jm_store_t *store, const char *user,
                                       const char *password);
static jm_store_status_t jm_store_lost(jm_store_t *store);
static jm_store_status_t jm_store_receive(jm_store_t *store);
static jm_store_status_t jm_store_values(jm_store_t       *store,
                                         jm_store_reply_t *reply);
static jm_store_status_t jm_store_route(jm_store_t *store, jm_str_t key,
                                        jm_route_t *route, u_char *place);
static jm_store_status_t jm_store_check(jm_store_t           *store,
                                        const jm_recipient_t *recipient);
static jm_store_status_t jm_store_send(jm_store_t *store, int argc,
                                       const char **argv, const size_t *lens);
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
static jm_store_status_t jm_store_send_deliver(jm_store_t          *store,
                                               const jm_delivery_t *d);
static jm_store_status_t jm_store_collect(jm_store_t *store, size_t pending);
static jm_store_status_t jm_store_results(jm_store_t          *store,
                                          const jm_delivery_t *d,
                                          jm_delivered_t      *results);
static void jm_store_discard(jm_store_t *store, const jm_delivery_t *d,
                             const jm_delivered_t *results);

static const jm_store_meaning_t jm_store_meanings[] = {
    { "OOM ", JM_STORE_FULL },      { "LOADING ", JM_STORE_DOWN },
    { "READONLY ", JM_STORE_DOWN }, { "MASTERDOWN ", JM_STORE_DOWN },
    { "NOAUTH ", JM_STORE_DOWN },   { NULL, JM_STORE_REFUSED }
};

/* Words of jm_rcpt_check. */
static const jm_store_meaning_t jm_store_rcpt_words[] = {
    { "OK", JM_STORE_OK },          { "UNKNOWN", JM_STORE_UNKNOWN },
    { "STOPPED", JM_STORE_CLOSED }, { "EXPIRED", JM_STORE_CLOSED },
    { "FULL", JM_STORE_QUOTA },     { NULL, JM_STORE_REFUSED }
};

/* What has become of jm_route_status_t. */
static const jm_store_status_t jm_store_routes[] = {
    [JM_ROUTE_FOUND] = JM_STORE_OK,
    [JM_ROUTE_UNKNOWN] = JM_STORE_UNKNOWN,
    [JM_ROUTE_CLOSED] = JM_STORE_CLOSED,
    [JM_ROUTE_FOREIGN] = JM_STORE_FOREIGN,
    [JM_ROUTE_BROKEN] = JM_STORE_REFUSED,
};


jm_store_t *
jm_store_open(const jm_store_conf_t *conf, char *err, size_t errlen)
{
    char              password[JM_PASSWORD_MAX], host[256];
    jm_store_t       *store;
    const char       *port;
    struct timeval    tv;
    jm_store_status_t status;

    if (jm_store_password(conf->password_file, password, err, errlen) != 0) {
        return NULL;
    }

    /* Redis may close at any time; that is an error of write(2), not of us. */
    signal(SIGPIPE, SIG_IGN);

    store = calloc(1, sizeof(jm_store_t));
    if (store == NULL) {
        snprintf(err, errlen, "out of memory");
        return NULL;
    }

    tv.tv_sec = conf->timeout_ms / 1000;
    tv.tv_usec = conf->timeout_ms % 1000 * 1000;
    store->timeout_ms = conf->timeout_ms;

    port = strrchr(conf->redis, ':');

    if (conf->redis[0] == '/' || port == NULL) {
        store->redis = redisConnectUnixWithTimeout(conf->redis, tv);

    } else {
        snprintf(host, sizeof(host), "%.*s", (int) (port - conf->redis),
                 conf->redis);
        store->redis = redisConnectWithTimeout(host, atoi(port + 1), tv);
    }

    if (store->redis == NULL || store->redis->err
        || redisSetTimeout(store->redis, tv) != REDIS_OK)
    {
        status = jm_store_lost(store);

    } else {
        status = jm_store_auth(store, conf->user, password);
    }

    explicit_bzero(password, sizeof(password));

    if (status != JM_STORE_OK) {
        snprintf(err, errlen, "Redis at %s: %s", conf->redis, store->error);
        jm_store_close(store);
        return NULL;
    }

    return store;
}


/* The first line of the file. */
static int
jm_store_password(const char *path, char *password, char *err, size_t errlen)
{
    FILE *file;

    file = fopen(path, "re");
    if (file == NULL) {
        snprintf(err, errlen, "%s: %s", path, strerror(errno));
        return -1;
    }

    /* Unbuffered: no copy of the password stays behind in the heap. */
    setvbuf(file, NULL, _IONBF, 0);

    if (fgets(password, JM_PASSWORD_MAX, file) == NULL) {
        snprintf(err, errlen, "%s: no password in it", path);
        fclose(file);
        return -1;
    }

    fclose(file);
    password[strcspn(password, "\r\n")] = '\0';

    return 0;
}


static jm_store_status_t
jm_store_auth(jm_store_t *store, const char *user, const char *password)
{
    jm_store_reply_t reply;

    return jm_store_call(store, &reply, "AUTH %s %s", user, password);
}


void
jm_store_close(jm_store_t *store)
{
    if (store == NULL) {
        return;
    }

    if (store->reply != NULL) {
        freeReplyObject(store->reply);
    }

    if (store->redis != NULL) {
        redisFree(store->redis);
    }

    free(store->values);
    free(store);
}


const char *
jm_store_error(jm_store_t *store)
{
    return store->error;
}


/* Tells what has become of the connection; it is of no further use. */
static jm_store_status_t
jm_store_lost(jm_store_t *store)
{
    if (store->redis == NULL) {
        snprintf(store->error, sizeof(store->error), "out of memory");

    } else if (store->redis->err == REDIS_ERR_IO && errno == EAGAIN) {
        snprintf(store->error, sizeof(store->error), "no answer in %d ms",
                 store->timeout_ms);

        /* A late reply must never be taken for that of the next command. */
        store->redis->err = REDIS_ERR_EOF;

    } else {
        snprintf(store->error, sizeof(store->error), "%.400s",
                 store->redis->errstr);
    }

    return JM_STORE_DOWN;
}


/* Waits for one reply, into store->reply. */
static jm_store_status_t
jm_store_receive(jm_store_t *store)
{
    void                     *reply;
    const jm_store_meaning_t *m;

    if (store->reply != NULL) {
        freeReplyObject(store->reply);
        store->reply = NULL;
    }

    if (store->redis->err || redisGetReply(store->redis, &reply) != REDIS_OK) {
        return jm_store_lost(store);
    }

    store->reply = reply;

    if (store->reply->type != REDIS_REPLY_ERROR) {
        return JM_STORE_OK;
    }

    snprintf(store->error, sizeof(store->error), "%.400s", store->reply->str);

    for (m = jm_store_meanings; m->prefix != NULL; m++) {
        if (strncmp(store->reply->str, m->prefix, strlen(m->prefix)) == 0) {
            break;
        }
    }

    return m->status;
}


jm_store_status_t
jm_store_call(jm_store_t *store, jm_store_reply_t *reply, const char *format,
              ...)
{
    int               rc;
    va_list           args;
    jm_store_status_t status;

    reply->nvalues = 0;

    if (store->redis->err) {
        return JM_STORE_DOWN;
    }

    va_start(args, format);
    rc = redisvAppendCommand(store->redis, format, args);
    va_end(args);

    if (rc != REDIS_OK) {
        return jm_store_lost(store);
    }

    status = jm_store_receive(store);
    if (status != JM_STORE_OK) {
        return status;
    }

    return jm_store_values(store, reply);
}


/* Values of a reply.  Recursion is bounded by hiredis, which reads at most
 * nine arrays in each other. */
static size_t
jm_store_count(const redisReply *r)
{
    size_t i, n;

    if (r->type != REDIS_REPLY_ARRAY) {
        return 1;
    }

    for (i = 0, n = 0; i < r->elements; i++) {
        n += jm_store_count(r->element[i]);
    }

    return n;
}


/* Returns where the next value goes. */
static jm_store_value_t *
jm_store_flatten(jm_store_value_t *v, const redisReply *r)
{
    size_t i;

    if (r->type == REDIS_REPLY_ARRAY) {
        for (i = 0; i < r->elements; i++) {
            v = jm_store_flatten(v, r->element[i]);
        }

        return v;
    }

    memset(v, 0, sizeof(jm_store_value_t));

    if (r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_STATUS) {
        v->text.data = (u_char *) r->str;
        v->text.len = (size_t) r->len;
        v->number = strtoll(r->str, NULL, 10);

    } else if (r->type == REDIS_REPLY_INTEGER) {
        v->number = r->integer;
    }

    return v + 1;
}


/* Makes the values of store->reply readable without hiredis. */
static jm_store_status_t
jm_store_values(jm_store_t *store, jm_store_reply_t *reply)
{
    size_t            n;
    jm_store_value_t *v;

    n = jm_store_count(store->reply);

    if (n > store->nvalues) {
        v = realloc(store->values, n * sizeof(jm_store_value_t));
        if (v == NULL) {
            snprintf(store->error, sizeof(store->error), "out of memory");
            return JM_STORE_REFUSED;
        }

        store->values = v;
        store->nvalues = n;
    }

    (void) jm_store_flatten(store->values, store->reply);

    reply->values = store->values;
    reply->nvalues = n;

    return JM_STORE_OK;
}


int
jm_store_is(const jm_store_reply_t *reply, size_t i, const char *text)
{
    const jm_str_t *value;

    if (i >= reply->nvalues) {
        return 0;
    }

    value = &reply->values[i].text;

    return value->len == strlen(text)
           && memcmp(value->data, text, value->len) == 0;
}


jm_store_status_t
jm_store_resolve(jm_store_t *store, jm_str_t key, int check,
                 jm_recipient_t *out)
{
    u_char            place[JM_RECIPIENT_MAX];
    jm_route_t        route;
    jm_store_status_t status;

    memset(&route, 0, sizeof(jm_route_t));

    status = jm_store_route(store, key, &route, place);
    if (status != JM_STORE_OK) {
        return status;
    }

    /* What was accepted before its domain was removed is not dropped. */

    if (!check && route.word.len != 0 && route.word.data[0] == 'F') {
        route.word = jm_str("UNKNOWN");
    }

    status = jm_store_routes[jm_route_decide(&route)];
    if (status != JM_STORE_OK) {
        return status;
    }

    memcpy(out->account, route.account.data, JM_ACCOUNT_LEN);
    out->account[JM_ACCOUNT_LEN] = '\0';
    memcpy(out->address_id, route.id.data, JM_UUID_LEN);
    out->address_id[JM_UUID_LEN] = '\0';

    return check ? jm_store_check(store, out) : JM_STORE_OK;
}


/*
 * Asks the address's domain and its route.  A reply lives until the next
 * call, so what the first one says of another account is kept in `place`.
 */
static jm_store_status_t
jm_store_route(jm_store_t *store, jm_str_t key, jm_route_t *route,
               u_char *place)
{
    char              address[JM_KEY_ADDRESS_MAX + 1], *at;
    size_t            i;
    jm_store_reply_t  reply;
    jm_store_status_t status;
    jm_str_t *const   domain[] = { &route->word, &route->domain_account,
                                   &route->domain_id };
    jm_str_t *const fields[] = { &route->account, &route->id, &route->owner };

    if (key.len > JM_KEY_ADDRESS_MAX) {
        return JM_STORE_UNKNOWN;
    }

    memcpy(address, key.data, key.len);
    address[key.len] = '\0';

    at = strrchr(address, '@');
    if (at == NULL) {
        return JM_STORE_UNKNOWN;
    }

    *at = '\0';
    status = jm_store_call(store, &reply,
                           "FCALL_RO jm_domain_route 1 jm:domain:{%s} %s",
                           at + 1, address);

    for (i = 0; status == JM_STORE_OK && i < 3 && i < reply.nvalues; i++) {
        *domain[i] = reply.values[i].text;

        if (domain[i]->len > JM_UUID_LEN) {
            return JM_STORE_REFUSED;
        }

        memcpy(place, domain[i]->data, domain[i]->len);
        domain[i]->data = place;
        place += domain[i]->len;
    }

    if (status != JM_STORE_OK) {
        return status;
    }

    *at = '@';
    status = jm_store_call(store, &reply,
                           "HMGET jm:route:{%s} account id owner", address);

    for (i = 0; status == JM_STORE_OK && i < 3 && i < reply.nvalues; i++) {
        *fields[i] = reply.values[i].text;
    }

    return status;
}


/* Whether the address takes mail now. */
static jm_store_status_t
jm_store_check(jm_store_t *store, const jm_recipient_t *recipient)
{
    jm_store_reply_t          reply;
    jm_store_status_t         status;
    const jm_store_meaning_t *m;

    status = jm_store_call(store, &reply,
                           "FCALL_RO jm_rcpt_check 1 " JM_KEY_ACCOUNT " %s",
                           recipient->account, recipient->address_id);
    if (status != JM_STORE_OK) {
        return status;
    }

    for (m = jm_store_rcpt_words; m->prefix != NULL; m++) {
        if (jm_store_is(&reply, 0, m->prefix)) {
            break;
        }
    }

    return m->status;
}


jm_store_status_t
jm_store_deliver(jm_store_t *store, const jm_delivery_t *d,
                 jm_delivered_t *results)
{
    size_t            i, pending;
    jm_store_status_t status;

    if (store->redis->err) {
        return JM_STORE_DOWN;
    }

    pending = 0;

    for (i = 0; i < d->nmails; i++) {
        status = jm_store_each_ahead(store, d, &d->mails[i],
                                     jm_store_write_ahead, &pending);
        if (status != JM_STORE_OK) {
            return status;
        }
    }

    status = jm_store_send_deliver(store, d);
    if (status != JM_STORE_OK) {
        return status;
    }

    status = jm_store_collect(store, pending + 1);

    if (status == JM_STORE_OK) {
        status = jm_store_results(store, d, results);
    }

    jm_store_discard(store, d, status == JM_STORE_OK ? results : NULL);

    return status;
}


jm_store_status_t
jm_store_reclean(jm_store_t *store, const jm_delivery_t *d)
{
    size_t            pending;
    jm_store_reply_t  reply;
    jm_store_status_t status;

    if (store->redis->err) {
        return JM_STORE_DOWN;
    }

    pending = 0;
    status = jm_store_each_ahead(store, d, d->mails, jm_store_write_ahead,
                                 &pending);

    if (status == JM_STORE_OK) {
        status = jm_store_send_deliver(store, d);
    }

    if (status != JM_STORE_OK) {
        return status;
    }

    status = jm_store_collect(store, pending + 1);

    if (status == JM_STORE_OK) {
        status = jm_store_values(store, &reply);
    }

    if (status == JM_STORE_OK && jm_store_is(&reply, 0, "OK")) {
        return JM_STORE_OK;
    }

    jm_store_discard(store, d, NULL);

    return status == JM_STORE_OK ? JM_STORE_UNKNOWN : status;
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


/*
 * Writes a command out to Redis now, so that hiredis never holds more than
 * one.  Redis reads on while its few bytes of replies wait for us, so this
 * cannot block for ever.
 */
static jm_store_status_t
jm_store_send(jm_store_t *store, int argc, const char **argv,
              const size_t *lens)
{
    int done;

    if (redisAppendCommandArgv(store->redis, argc, argv, lens) != REDIS_OK) {
        return jm_store_lost(store);
    }

    do {
        if (redisBufferWrite(store->redis, &done) != REDIS_OK) {
            return jm_store_lost(store);
        }
    } while (!done);

    return JM_STORE_OK;
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
 * (junkmail.lua) take. */
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
jm_store_send_deliver(jm_store_t *store, const jm_delivery_t *d)
{
    char              key[64];
    jm_store_args_t   args;
    jm_store_status_t status;

    snprintf(key, sizeof(key), JM_KEY_ACCOUNT, d->account);

    if (jm_store_args_init(&args, d) != 0) {
        snprintf(store->error, sizeof(store->error), "out of memory");

        /* Replies of what was written ahead are still to come. */
        store->redis->err = REDIS_ERR_OOM;
        status = JM_STORE_DOWN;

    } else {
        jm_store_args_fill(&args, d, key);
        status = jm_store_send(store, (int) args.argc, args.argv, args.lens);
    }

    jm_store_args_free(&args);

    return status;
}


/*
 * Reads all replies of a pipeline, the last of which stays in store->reply.
 * The first that is an error tells why; later ones only follow from it.
 */
static jm_store_status_t
jm_store_collect(jm_store_t *store, size_t pending)
{
    char              error[sizeof(store->error)];
    jm_store_status_t status, first;

    first = JM_STORE_OK;

    while (pending-- != 0) {
        status = jm_store_receive(store);

        if (status == JM_STORE_DOWN) {
            return status;
        }

        if (status != JM_STORE_OK && first == JM_STORE_OK) {
            first = status;
            memcpy(error, store->error, sizeof(error));
        }
    }

    if (first != JM_STORE_OK) {
        memcpy(store->error, error, sizeof(error));
    }

    return first;
}


static jm_store_status_t
jm_store_results(jm_store_t *store, const jm_delivery_t *d,
                 jm_delivered_t *results)
{
    size_t                  i;
    jm_store_reply_t        reply;
    jm_store_status_t       status;
    const jm_store_value_t *v;

    status = jm_store_values(store, &reply);
    if (status != JM_STORE_OK) {
        return status;
    }

    if (reply.nvalues != d->nmails + 1 || !jm_store_is(&reply, 0, "OK")) {
        snprintf(store->error, sizeof(store->error),
                 "jm_email_deliver gave an unknown answer");
        return JM_STORE_REFUSED;
    }

    for (i = 0; i < d->nmails; i++) {
        v = &reply.values[i + 1];
        memset(&results[i], 0, sizeof(jm_delivered_t));

        if (jm_store_is(&reply, i + 1, "GONE")) {
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

    for (i = 0; i < d->nmails && !store->redis->err; i++) {
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

    if (!store->redis->err) {
        (void) jm_store_collect(store, pending);
    }

    memcpy(store->error, error, sizeof(error));
}


jm_store_status_t
jm_store_ping(jm_store_t *store)
{
    jm_store_reply_t  reply;
    jm_store_status_t status;

    status = jm_store_call(store, &reply, "FCALL_RO jm_health 0");

    if (status == JM_STORE_OK
        && (!jm_store_is(&reply, 0, "OK")
            || !jm_store_is(&reply, 1, JM_LIBRARY)))
    {
        snprintf(store->error, sizeof(store->error),
                 "the function library is not " JM_LIBRARY);
        return JM_STORE_REFUSED;
    }

    return status;
}


/* The code of the loaded library, from the last reply, or NULL. */
static const redisReply *
jm_store_library_code(const jm_store_t *store)
{
    size_t            i;
    const redisReply *library;

    if (store->reply->type != REDIS_REPLY_ARRAY || store->reply->elements != 1)
    {
        return NULL;
    }

    library = store->reply->element[0];

    for (i = 0; i + 1 < library->elements; i += 2) {
        if (library->element[i]->type == REDIS_REPLY_STRING
            && strcmp(library->element[i]->str, "library_code") == 0)
        {
            return library->element[i + 1];
        }
    }

    return NULL;
}


jm_store_status_t
jm_store_load(jm_store_t *store, jm_str_t code)
{
    size_t            lens[4] = { 8, 4, 7, code.len };
    const char       *argv[4] = { "FUNCTION", "LOAD", "REPLACE",
                                  (const char *) code.data };
    jm_store_reply_t  reply;
    const redisReply *loaded;
    jm_store_status_t status;

    status = jm_store_call(
        store, &reply, "FUNCTION LIST LIBRARYNAME " JM_LIBRARY " WITHCODE");
    if (status != JM_STORE_OK) {
        return status;
    }

    loaded = jm_store_library_code(store);

    if (loaded != NULL && (size_t) loaded->len == code.len
        && memcmp(loaded->str, code.data, code.len) == 0)
    {
        return JM_STORE_OK;
    }

    status = jm_store_send(store, 4, argv, lens);

    return status == JM_STORE_OK ? jm_store_receive(store) : status;
}
