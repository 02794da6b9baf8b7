/*
 * The store over hiredis, blocking, one connection a process: commands, what
 * Redis's replies mean, where a recipient leads, and the function library.
 * Called by all of junkmaild; a delivery is store_deliver.c's.
 *
 * Nothing here outlives a call but the connection and the last reply.
 */

#include "store.h"
#include "store_private.h"

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

/* A word, an account, an address's id. */
#define JM_RECIPIENT_MAX (3 * JM_UUID_LEN)

/* Error replies that are not just a refusal.  Those that will answer alike to
 * everything else too are as good as no connection. */
typedef struct {
    const char       *prefix;
    jm_store_status_t status;
} jm_store_meaning_t;

static int jm_store_password(const char *path, char *password, char *err,
                             size_t errlen);
static jm_store_status_t jm_store_auth(jm_store_t *store, const char *user,
                                       const char *password);
static jm_store_status_t jm_store_lost(jm_store_t *store);
static jm_store_status_t jm_store_receive(jm_store_t *store);
static jm_store_status_t jm_store_route(jm_store_t *store, jm_str_t key,
                                        jm_route_t *route, u_char *place);
static jm_store_status_t jm_store_check(jm_store_t           *store,
                                        const jm_recipient_t *recipient);

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


jm_store_status_t
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


jm_store_status_t
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
