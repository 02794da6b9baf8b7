/*
 * The command behind reclean.h.  As in the daemon, a child does the work in a
 * worker's sandbox, and the process above it only watches: a mail that kills
 * the child is left as it is, and the next child goes on behind it.  Where the
 * work stands is on a board that both see.
 *
 * Accounts are found in the expiry queue, where each of them stands
 * (jm:expire, store/model.lua); their mail is looked at in slices.
 */

#define _GNU_SOURCE /* MAP_ANONYMOUS */

#include "reclean.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "jm_id.h"
#include "jm_key.h"
#include "jm_schema.h"
#include "log.h"
#include "message.h"
#include "mime.h"
#include "render.h"
#include "sandbox.h"
#include "store_call.h"

#define JM_RECLEAN_SLICE   200   /* emails looked at in one call */
#define JM_RECLEAN_MEMBERS 500   /* of the expiry queue, in one call */
#define JM_RECLEAN_TIMEOUT 10000 /* ms for each reply of Redis */
#define JM_RECLEAN_MAX     (64 * 1024 * 1024) /* bytes of an original */
#define JM_RECLEAN_NICE    10

#define JM_RECLEAN_AGAIN 80 /* exit code: begin again behind `working` */

/* Written by the child, read by all. */
typedef struct {
    unsigned shard;
    char     account[JM_ACCOUNT_LEN + 1]; /* being worked on */
    char     after[JM_UUID_LEN + 1];      /* emails up to here are done */
    char     working[JM_UUID_LEN + 1];    /* the one being read, or "" */
    size_t   stale, cleaned, failed;
} jm_reclean_board_t;

typedef struct {
    const jm_conf_t    *conf;
    const char         *only; /* --account */
    int                 dry_run;
    jm_store_t         *store;
    jm_arena_t         *arena;
    jm_reclean_board_t *board;
    jm_str_t            raw; /* the original; room for JM_RECLEAN_MAX */

    /* of the email in hand */
    char              address[JM_UUID_LEN + 1];
    jm_str_t          to;
    jm_rendered_t     shared;
    jm_rendered_for_t rendered;
} jm_reclean_t;

static int  jm_reclean_options(jm_reclean_t *r, int argc, char **argv);
static int  jm_reclean_watch(jm_reclean_t *r);
static int  jm_reclean_child(jm_reclean_t *r);
static int  jm_reclean_prepare(jm_reclean_t *r);
static int  jm_reclean_shard(jm_reclean_t *r);
static int  jm_reclean_account(jm_reclean_t *r, const char *account);
static int  jm_reclean_slice(jm_reclean_t *r, int *more);
static int  jm_reclean_email(jm_reclean_t *r, const char *id);
static int  jm_reclean_fetch(jm_reclean_t *r, const char *id);
static int  jm_reclean_unpack(jm_reclean_t *r, jm_str_t packed);
static int  jm_reclean_render(jm_reclean_t *r, const char *id);
static void jm_reclean_make(jm_reclean_t *r, const char *id);
static int  jm_reclean_put(jm_reclean_t *r, const char *id);


int
jm_reclean(const jm_conf_t *conf, int argc, char **argv)
{
    int          rc;
    jm_reclean_t r;

    memset(&r, 0, sizeof(jm_reclean_t));
    r.conf = conf;

    if (jm_reclean_options(&r, argc, argv) != 0) {
        return 2;
    }

    r.board = mmap(NULL, sizeof(jm_reclean_board_t), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (r.board == MAP_FAILED) {
        jm_log("no memory");
        return 1;
    }

    rc = jm_reclean_watch(&r);

    printf("%zu emails from another sanitiser or list, %zu cleaned anew, "
           "%zu failed\n",
           r.board->stale, r.board->cleaned, r.board->failed);

    return rc == 0 && r.board->failed != 0 ? 3 : rc;
}


static int
jm_reclean_options(jm_reclean_t *r, int argc, char **argv)
{
    int option;

    static const struct option options[] = {
        { "dry-run", no_argument, NULL, 'n' },
        { "account", required_argument, NULL, 'a' },
        { NULL, 0, NULL, 0 },
    };

    optind = 1;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'n':
            r->dry_run = 1;
            break;
        case 'a':
            r->only = optarg;
            break;
        default:
            return -1;
        }
    }

    if (optind != argc
        || (r->only != NULL
            && (strlen(r->only) != JM_ACCOUNT_LEN
                || strspn(r->only, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "abcdefghijklmnopqrstuvwxyz")
                       != JM_ACCOUNT_LEN)))
    {
        fputs("usage: junkmaild [-c FILE] reclean [--dry-run] "
              "[--account ID]\n",
              stderr);
        return -1;
    }

    return 0;
}


/* One child after the other until the work is done.  0 or 1. */

static int
jm_reclean_watch(jm_reclean_t *r)
{
    int                 status;
    pid_t               pid;
    jm_reclean_board_t *board;

    board = r->board;

    for (;;) {
        pid = fork();

        if (pid == 0) {
            _exit(jm_reclean_child(r));
        }

        if (pid == -1) {
            jm_log("fork: %s", strerror(errno));
            return 1;
        }

        while (waitpid(pid, &status, 0) == -1 && errno == EINTR) {
            /* void */
        }

        if (WIFEXITED(status) && WEXITSTATUS(status) != JM_RECLEAN_AGAIN) {
            return WEXITSTATUS(status) == 0 ? 0 : 1;
        }

        if (board->working[0] == '\0') {
            jm_log("reclean: ended by signal %d",
                   WIFSIGNALED(status) ? WTERMSIG(status) : 0);
            return 1;
        }

        jm_log("reclean: email %s of account %s cannot be read, it stays as "
               "it is",
               board->working, board->account);
        memcpy(board->after, board->working, sizeof(board->after));
        board->working[0] = '\0';
        board->failed++;
    }
}


/* Returns the exit code. */

static int
jm_reclean_child(jm_reclean_t *r)
{
    int rc;

    if (jm_reclean_prepare(r) != 0) {
        return 1;
    }

    if (r->only != NULL) {
        return jm_reclean_account(r, r->only);
    }

    for (rc = 0; rc == 0 && r->board->shard < JM_SHARDS; r->board->shard++) {
        rc = jm_reclean_shard(r);

        if (rc != 0) {
            return rc;
        }
    }

    return rc;
}


/* As a worker: open, lock in, and only then read.  The service goes first. */

static int
jm_reclean_prepare(jm_reclean_t *r)
{
    char            path[1100], err[256];
    jm_store_conf_t store;

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    snprintf(path, sizeof(path), "%s/backend.password", r->conf->passwords);

    store.redis = r->conf->redis;
    store.user = "backend";
    store.password_file = path;
    store.timeout_ms = JM_RECLEAN_TIMEOUT;

    r->store = jm_store_open(&store, err, sizeof(err));

    if (r->store == NULL) {
        jm_log("store: %s", err);
        return -1;
    }

    if (jm_mime_init() != 0) {
        jm_log("a character set is missing: is libc's gconv complete?");
        return -1;
    }

    jm_html_init();
    tzset();
    r->arena = jm_arena_create(JM_MESSAGE_MEMORY);
    r->raw.data = malloc(JM_RECLEAN_MAX + 1);

    if (r->arena == NULL || r->raw.data == NULL || nice(JM_RECLEAN_NICE) == -1)
    {
        jm_log("no memory");
        return -1;
    }

    return jm_sandbox_enter(r->conf);
}


static int
jm_reclean_store_failed(jm_reclean_t *r)
{
    jm_log("store: %s", jm_store_error(r->store));

    return 1;
}


static int
jm_reclean_compare(const void *one, const void *two)
{
    return strcmp(one, two);
}


/*
 * The accounts of the board's shard, in the order of their ids: after a fresh
 * start those before the board's are done.  Their places in the queue change
 * as they are used; ZSCAN gives each member that stays in it, at least once.
 * 0, or the exit code.
 */

static int
jm_reclean_shard(jm_reclean_t *r)
{
    int  rc;
    char key[32], cursor[24];
    char(*accounts)[JM_ACCOUNT_LEN + 1], *grown;
    size_t            i, n;
    jm_store_reply_t  reply;
    static const char prefix[] = "account:";

    snprintf(key, sizeof(key), JM_KEY_EXPIRE, r->board->shard);
    strcpy(cursor, "0");
    accounts = NULL;
    n = 0;

    do {
        if (jm_store_call(r->store, &reply, "ZSCAN %s %s COUNT %d", key,
                          cursor, JM_RECLEAN_MEMBERS)
                != JM_STORE_OK
            || reply.nvalues == 0 || reply.values[0].text.data == NULL)
        {
            free(accounts);
            return jm_reclean_store_failed(r);
        }

        snprintf(cursor, sizeof(cursor), "%s",
                 (char *) reply.values[0].text.data);

        grown = realloc(accounts, (n + reply.nvalues) * sizeof(*accounts));

        if (grown == NULL) {
            free(accounts);
            jm_log("no memory");
            return 1;
        }

        accounts = (void *) grown;

        for (i = 1; i < reply.nvalues; i += 2) { /* member, score */
            if (reply.values[i].text.len == sizeof(prefix) - 1 + JM_ACCOUNT_LEN
                && memcmp(reply.values[i].text.data, prefix,
                          sizeof(prefix) - 1)
                       == 0)
            {
                memcpy(accounts[n++],
                       reply.values[i].text.data + sizeof(prefix) - 1,
                       JM_ACCOUNT_LEN + 1);
            }
        }
    } while (strcmp(cursor, "0") != 0);

    if (n != 0) {
        qsort(accounts, n, sizeof(*accounts), jm_reclean_compare);
    }

    for (i = 0, rc = 0; i < n && rc == 0; i++) {
        if (strcmp(accounts[i], r->board->account) >= 0
            && (i == 0 || strcmp(accounts[i], accounts[i - 1]) != 0))
        {
            rc = jm_reclean_account(r, accounts[i]);
        }
    }

    free(accounts);

    if (rc == 0) {
        r->board->account[0] = '\0';
    }

    return rc;
}


static int
jm_reclean_account(jm_reclean_t *r, const char *account)
{
    int                 rc, more;
    jm_reclean_board_t *board;

    board = r->board;

    if (strcmp(board->account, account) != 0) {
        snprintf(board->account, sizeof(board->account), "%s", account);
        board->after[0] = '\0';
    }

    do {
        rc = jm_reclean_slice(r, &more);
    } while (rc == 0 && more);

    return rc;
}


/* 0, or the exit code; `*more` is 0 behind the last email. */

static int
jm_reclean_slice(jm_reclean_t *r, int *more)
{
    int                 rc;
    char                ids[JM_RECLEAN_SLICE][JM_UUID_LEN + 1];
    char                last[JM_UUID_LEN + 1];
    size_t              i, n;
    jm_store_reply_t    reply;
    jm_reclean_board_t *board;

    board = r->board;

    if (jm_store_call(r->store, &reply,
                      "FCALL_RO jm_email_stale 1 " JM_KEY_ACCOUNT " %s %s %d",
                      board->account, jm_message_stamp(), board->after,
                      JM_RECLEAN_SLICE)
            != JM_STORE_OK
        || !jm_store_is(&reply, 0, "OK") || reply.nvalues < 2)
    {
        return jm_reclean_store_failed(r);
    }

    *more = reply.values[1].text.len == JM_UUID_LEN;

    if (!*more) {
        return 0;
    }

    memcpy(last, reply.values[1].text.data, sizeof(last));

    for (i = 2, n = 0; i < reply.nvalues && n < JM_RECLEAN_SLICE; i++) {
        if (reply.values[i].text.len == JM_UUID_LEN) {
            memcpy(ids[n++], reply.values[i].text.data, sizeof(last));
        }
    }

    for (i = 0; i < n; i++) {
        board->stale++;
        rc = jm_reclean_email(r, ids[i]);

        if (rc != 0) {
            return rc;
        }

        memcpy(board->after, ids[i], sizeof(last));
    }

    memcpy(board->after, last, sizeof(last));
    fprintf(stderr, "account %s: %zu cleaned anew, %zu failed so far\n",
            board->account, board->cleaned, board->failed);

    return 0;
}


/* 0, or the exit code. */

static int
jm_reclean_email(jm_reclean_t *r, const char *id)
{
    int rc;

    rc = jm_reclean_fetch(r, id);

    if (rc != 0) {
        return rc < 0 ? 0 : rc;
    }

    memcpy(r->board->working, id, JM_UUID_LEN + 1);
    jm_sandbox_work();
    jm_arena_reset(r->arena);

    if (jm_reclean_render(r, id) != 0) {
        return JM_RECLEAN_AGAIN; /* what the parser holds is lost */
    }

    jm_sandbox_rest();
    r->board->working[0] = '\0';

    return r->dry_run ? 0 : jm_reclean_put(r, id);
}


/* Reads the original into r->raw.  0, -1 when there is none, or the exit
   code. */

static int
jm_reclean_fetch(jm_reclean_t *r, const char *id)
{
    int              rc;
    char             key[128];
    size_t           length;
    jm_str_t         packed;
    jm_store_reply_t reply;

    if (jm_store_call(r->store, &reply,
                      "FCALL_RO jm_email_original 1 " JM_KEY_ACCOUNT " %s",
                      r->board->account, id)
        != JM_STORE_OK)
    {
        return jm_reclean_store_failed(r);
    }

    if (reply.nvalues != 4 || !jm_store_is(&reply, 0, "OK")
        || reply.values[1].text.len != JM_UUID_LEN)
    {
        return -1; /* it has been removed meanwhile */
    }

    memcpy(r->address, reply.values[1].text.data, sizeof(r->address));
    free(r->to.data);
    r->to.len = reply.values[2].text.len;
    r->to.data = malloc(r->to.len + 1);
    length = reply.values[3].number;
    packed.data = length <= JM_RECLEAN_MAX ? malloc(length + 1) : NULL;

    if (r->to.data == NULL || packed.data == NULL) {
        jm_log("no memory for the original of %s", id);
        free(packed.data);
        return 1;
    }

    memcpy(r->to.data, reply.values[2].text.data, r->to.len);
    snprintf(key, sizeof(key), "jm:{%.22s}:raw:%.36s", r->board->account, id);

    for (packed.len = 0; packed.len < length;
         packed.len += reply.values[0].text.len)
    {
        if (jm_store_call(r->store, &reply, "GETRANGE %s %lld %lld", key,
                          (long long) packed.len,
                          (long long) packed.len + JM_WINDOW - 1)
            != JM_STORE_OK)
        {
            free(packed.data);
            return jm_reclean_store_failed(r);
        }

        if (reply.nvalues != 1 || reply.values[0].text.len == 0
            || reply.values[0].text.len > length - packed.len)
        {
            free(packed.data);
            return -1; /* removed, or not what the email says */
        }

        memcpy(packed.data + packed.len, reply.values[0].text.data,
               reply.values[0].text.len);
    }

    rc = jm_reclean_unpack(r, packed);
    free(packed.data);

    if (rc != 0) {
        jm_log("reclean: the original of %s is damaged", id);
        r->board->failed++;
    }

    return rc;
}


static int
jm_reclean_unpack(jm_reclean_t *r, jm_str_t packed)
{
    int      rc;
    z_stream z;

    memset(&z, 0, sizeof(z));

    if (inflateInit2(&z, 15 + 16) != Z_OK) { /* gzip */
        return -1;
    }

    z.next_in = packed.data;
    z.avail_in = packed.len;
    z.next_out = r->raw.data;
    z.avail_out = JM_RECLEAN_MAX;
    rc = inflate(&z, Z_FINISH);
    r->raw.len = z.total_out;
    inflateEnd(&z);

    return rc == Z_STREAM_END ? 0 : -1;
}


/* 0, or -1 when the arena was too small: the guard ends with this function. */

static int
jm_reclean_render(jm_reclean_t *r, const char *id)
{
    if (setjmp(*jm_arena_guard(r->arena)) != 0) {
        return -1;
    }

    jm_reclean_make(r, id);

    return 0;
}


/* Not inlined: what setjmp() returns into has no variables of its own. */

static __attribute__((noinline)) void
jm_reclean_make(jm_reclean_t *r, const char *id)
{
    char         digits[13];
    jm_message_t message;

    /* A UUIDv7 begins with the milliseconds of its making, the delivery. */

    memcpy(digits, id, 8);
    memcpy(digits + 8, id + 9, 4);
    digits[12] = '\0';

    jm_message_read(&message, r->arena, r->raw);
    jm_render_shared(&r->shared, &message);
    memset(&r->shared.raw, 0, sizeof(jm_blob_t));
    jm_render_for(&r->rendered, &message, id, r->address, r->to,
                  strtoll(digits, NULL, 16));
}


/* 0, or the exit code. */

static int
jm_reclean_put(jm_reclean_t *r, const char *id)
{
    jm_delivery_t      d;
    jm_store_status_t  status;
    jm_delivery_mail_t mail;

    mail.address_id = r->address;
    mail.rendered = &r->rendered;

    d.account = r->board->account;
    d.delivery_id = "00000000000000000000000000000000";
    d.stamp = jm_message_stamp();
    d.replaces = id;
    d.shared = &r->shared;
    d.mails = &mail;
    d.nmails = 1;

    /* What is written ahead lies under an id of its own, so that readers see
       the old until all of the new is there. */

    if (jm_uuid7(0, r->rendered.id) != 0) {
        jm_log("no random numbers");
        return 1;
    }

    status = jm_store_reclean(r->store, &d);

    if (status != JM_STORE_OK && status != JM_STORE_UNKNOWN) {
        return jm_reclean_store_failed(r);
    }

    r->board->cleaned += status == JM_STORE_OK;

    return 0;
}
