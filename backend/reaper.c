/*
 * Does what is due: expires addresses, purges the mail of expired and deleted
 * ones in slices, renews TTLs when an expiry was changed, undoes addresses
 * that were never confirmed, frees routes, and takes deleted accounts apart.
 *
 * What is to be done for an address is jm_address_due's decision
 * (store/due.lua); here it is carried out in steps of which each is
 * atomic and can be repeated, so that the process may end between any two: an
 * entry leaves jm:expire:<shard> only after its last step, and only if nobody
 * has asked for something else meanwhile.
 *
 * Forked by supervisor.c; waits only in nanosleep() and, with a deadline, for
 * Redis.
 */

#include "reaper.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "jm_id.h"
#include "jm_key.h"
#include "jm_schema.h"
#include "log.h"
#include "sandbox.h"
#include "store_call.h"
#include "supervisor.h"

#define JM_REAPER_PAGE    64      /* entries taken at once */
#define JM_REAPER_SLICE   100     /* emails that one call may touch */
#define JM_REAPER_LOCK    30000   /* ms one process may hold a shard */
#define JM_REAPER_TIMEOUT 2000    /* ms for a reply: SIGTERM waits no longer */
#define JM_REAPER_LATER   3600000 /* ms until what failed is tried again */
#define JM_REAPER_MEMBER  80

typedef struct {
    char    member[JM_REAPER_MEMBER];
    int64_t due;
} jm_due_t;

/* A word of jm_address_due and what it asks for. */
typedef struct {
    const char *word;
    const char *slice; /* function to call until it leaves nothing to do */
    unsigned    release : 1;
    unsigned    keep : 1;  /* the route, for its owner */
    unsigned    again : 1; /* there is more to do at the time given */
    const char *end;       /* function that forgets the address */
} jm_reaper_step_t;

static jm_store_status_t jm_reaper_shard(jm_store_t *store, unsigned shard,
                                         int *busy);
static jm_store_status_t jm_reaper_take(jm_store_t *store, unsigned shard,
                                        jm_due_t *due, size_t *n);
static jm_store_status_t jm_reaper_entry(jm_store_t *store, unsigned shard,
                                         const jm_due_t *due);
static jm_store_status_t jm_reaper_done(jm_store_t *store, unsigned shard,
                                        const jm_due_t *due, int64_t again);
static jm_store_status_t jm_reaper_address(jm_store_t *store,
                                           const char *account, const char *id,
                                           int64_t *again);
static jm_store_status_t jm_reaper_slices(jm_store_t *store,
                                          const char *function,
                                          const char *account, const char *id);
static jm_store_status_t jm_reaper_release(jm_store_t *store,
                                           const char *account, const char *id,
                                           const char *address, int keep);
static jm_store_status_t
jm_reaper_account(jm_store_t *store, const char *account, int64_t *again);
static jm_store_status_t jm_reaper_account_purge(jm_store_t *store,
                                                 const char *account);
static jm_store_status_t jm_reaper_addresses(jm_store_t *store,
                                             const char *account);

static const jm_reaper_step_t jm_reaper_steps[] = {
    /* word      slice               release keep again end */
    { "GONE", NULL, 0, 0, 0, NULL },
    { "WAIT", NULL, 0, 0, 1, NULL },
    { "RENEW", "jm_address_renew", 0, 0, 1, NULL },
    { "PENDING", NULL, 1, 0, 0, "jm_address_drop" },
    { "EXPIRED", "jm_address_purge", 0, 0, 1, NULL },
    { "OVER", "jm_address_purge", 1, 0, 0, "jm_address_forget" },
    { "DELETED", "jm_address_purge", 1, 1, 0, "jm_address_forget" },
    { NULL, NULL, 0, 0, 0, NULL }
};

static volatile sig_atomic_t jm_reaper_ending;
static const jm_conf_t      *jm_reaper_conf;


static void
jm_reaper_end(int signo)
{
    jm_reaper_ending = 1;
}


static void
jm_reaper_signals(void)
{
    sigset_t         set;
    struct sigaction sa;

    memset(&sa, 0, sizeof(sa));
    sigemptyset(&sa.sa_mask);

    /* Without SA_RESTART: the sleep between two rounds is cut short. */
    sa.sa_handler = jm_reaper_end;
    sigaction(SIGTERM, &sa, NULL);

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}


int
jm_reaper_run(const jm_conf_t *conf)
{
    int               busy;
    char              path[1100], err[600];
    unsigned          shard;
    jm_store_t       *store;
    jm_store_conf_t   sc;
    jm_store_status_t status;
    struct timespec   second = { 1, 0 };

    jm_reaper_conf = conf;
    jm_reaper_signals();

    snprintf(path, sizeof(path), "%s/backend.password", conf->passwords);

    sc.redis = conf->redis;
    sc.user = "backend";
    sc.password_file = path;
    sc.timeout_ms = JM_REAPER_TIMEOUT;

    store = jm_store_open(&sc, err, sizeof(err));
    if (store == NULL) {
        jm_log("reaper: %s", err);
        return JM_EXIT_AGAIN;
    }

    if (jm_sandbox_enter(conf) != 0) {
        jm_store_close(store);
        return 1;
    }

    status = JM_STORE_OK;

    while (!jm_reaper_ending && status != JM_STORE_DOWN) {
        busy = 0;

        for (shard = 0; shard < JM_SHARDS && !jm_reaper_ending; shard++) {
            status = jm_reaper_shard(store, shard, &busy);

            if (status != JM_STORE_OK) {
                jm_log("reaper: %s", jm_store_error(store));
                busy = 0;
                break;
            }
        }

        if (!busy && !jm_reaper_ending && status != JM_STORE_DOWN) {
            nanosleep(&second, NULL);
        }
    }

    jm_store_close(store);

    return status == JM_STORE_DOWN ? JM_EXIT_AGAIN : 0;
}


/*
 * Works off what is due in one shard, unless another process does.  Sets
 * `*busy` when there may be more of it than was taken.
 */
static jm_store_status_t
jm_reaper_shard(jm_store_t *store, unsigned shard, int *busy)
{
    size_t            i, n;
    int64_t           start;
    jm_due_t          due[JM_REAPER_PAGE];
    jm_store_reply_t  reply;
    jm_store_status_t status;

    status = jm_reaper_take(store, shard, due, &n);
    if (status != JM_STORE_OK || n == 0) {
        return status;
    }

    start = jm_ticks_ms();

    status = jm_store_call(store, &reply, "SET jm:lock:%u %d NX PX %d", shard,
                           (int) getpid(), JM_REAPER_LOCK);

    /* A full Redis takes no lock, but what frees its memory cannot wait for
       one.  The steps are atomic and repeatable, so two at work without it,
       or after it has expired, would only do the same. */

    if (status != JM_STORE_FULL
        && (status != JM_STORE_OK || !jm_store_is(&reply, 0, "OK")))
    {
        return status;
    }

    if (n == JM_REAPER_PAGE) {
        *busy = 1;
    }

    for (i = 0; i < n && !jm_reaper_ending; i++) {
        status = jm_reaper_entry(store, shard, &due[i]);
        if (status != JM_STORE_OK) {
            break;
        }
    }

    /* A lock that has expired may be another's. */

    if (status == JM_STORE_DOWN || jm_ticks_ms() - start >= JM_REAPER_LOCK) {
        return status;
    }

    if (status != JM_STORE_OK) {
        (void) jm_store_call(store, &reply, "DEL jm:lock:%u", shard);
        return status;
    }

    return jm_store_call(store, &reply, "DEL jm:lock:%u", shard);
}


/* The oldest entries that are due; room for JM_REAPER_PAGE. */
static jm_store_status_t
jm_reaper_take(jm_store_t *store, unsigned shard, jm_due_t *due, size_t *n)
{
    size_t                  i;
    jm_store_reply_t        reply;
    jm_store_status_t       status;
    const jm_store_value_t *v;

    *n = 0;

    status = jm_store_call(store, &reply,
                           "ZRANGEBYSCORE " JM_KEY_EXPIRE
                           " -inf %lld WITHSCORES LIMIT 0 %d",
                           shard, (long long) jm_now_ms(), JM_REAPER_PAGE);
    if (status != JM_STORE_OK) {
        return status;
    }

    for (i = 0; i + 1 < reply.nvalues && *n < JM_REAPER_PAGE; i += 2) {
        v = &reply.values[i];

        /* Cut, a member that is none of ours is not found again and stays. */
        snprintf(due[*n].member, sizeof(due[*n].member), "%.*s",
                 (int) v[0].text.len, (char *) v[0].text.data);
        due[*n].due = v[1].number;
        (*n)++;
    }

    return JM_STORE_OK;
}


static jm_store_status_t
jm_reaper_entry(jm_store_t *store, unsigned shard, const jm_due_t *due)
{
    char              account[JM_ACCOUNT_LEN + 1], id[JM_UUID_LEN + 1];
    int64_t           again;
    jm_store_reply_t  reply;
    jm_store_status_t status;

    again = 0;

    if (sscanf(due->member, "address:%22[^:]:%36s", account, id) == 2) {
        status = jm_reaper_address(store, account, id, &again);

    } else if (sscanf(due->member, "account:%22s", account) == 1) {
        status = jm_reaper_account(store, account, &again);

    } else {
        jm_log("reaper: \"%s\" is not ours", due->member);
        return jm_store_call(store, &reply, "ZREM " JM_KEY_EXPIRE " %s", shard,
                             due->member);
    }

    if (status == JM_STORE_REFUSED) {
        /* It must not stand in the way of all that is due after it. */
        jm_log("reaper: %s: %s", due->member, jm_store_error(store));
        again = jm_now_ms() + JM_REAPER_LATER;
        status = JM_STORE_OK;
    }

    if (status != JM_STORE_OK || jm_reaper_ending) {
        return status;
    }

    return jm_reaper_done(store, shard, due, again);
}


/* Takes the entry out, or puts it back for `again` if that is not 0. */
static jm_store_status_t
jm_reaper_done(jm_store_t *store, unsigned shard, const jm_due_t *due,
               int64_t again)
{
    char             when[24];
    jm_store_reply_t reply;

    when[0] = '\0';

    if (again != 0) {
        snprintf(when, sizeof(when), "%lld", (long long) again);
    }

    return jm_store_call(store, &reply,
                         "FCALL jm_due_done 1 " JM_KEY_EXPIRE " %s %lld %s",
                         shard, due->member, (long long) due->due, when);
}


/* Does what jm_address_due says; `*again` is when to ask again, or 0. */
static jm_store_status_t
jm_reaper_address(jm_store_t *store, const char *account, const char *id,
                  int64_t *again)
{
    char                    address[512];
    jm_store_reply_t        reply;
    jm_store_status_t       status;
    const jm_reaper_step_t *step;

    status = jm_store_call(store, &reply,
                           "FCALL jm_address_due 1 " JM_KEY_ACCOUNT " %s",
                           account, id);
    if (status != JM_STORE_OK) {
        return status;
    }

    for (step = jm_reaper_steps; step->word != NULL; step++) {
        if (jm_store_is(&reply, 0, step->word)) {
            break;
        }
    }

    *again = (step->again && reply.nvalues == 3) ? reply.values[2].number : 0;

    if (step->word == NULL || reply.nvalues < 2) {
        return JM_STORE_OK;
    }

    snprintf(address, sizeof(address), "%s", reply.values[1].text.data);

    if (step->slice != NULL) {
        status = jm_reaper_slices(store, step->slice, account, id);
    }

    if (status == JM_STORE_OK && step->release && !jm_reaper_ending) {
        status = jm_reaper_release(store, account, id, address, step->keep);
    }

    if (status == JM_STORE_OK && step->end != NULL && !jm_reaper_ending) {
        status = jm_store_call(store, &reply,
                               "FCALL %s 1 " JM_KEY_ACCOUNT " %s", step->end,
                               account, id);
    }

    return status;
}


/* Goes through the address's mail, a slice a call: others get their turn. */
static jm_store_status_t
jm_reaper_slices(jm_store_t *store, const char *function, const char *account,
                 const char *id)
{
    jm_store_reply_t  reply;
    jm_store_status_t status;

    do {
        status = jm_store_call(store, &reply,
                               "FCALL %s 1 " JM_KEY_ACCOUNT " %s %d", function,
                               account, id, JM_REAPER_SLICE);

    } while (status == JM_STORE_OK && reply.nvalues == 2
             && reply.values[1].number > 0 && !jm_reaper_ending);

    return status;
}


static jm_store_status_t
jm_reaper_release(jm_store_t *store, const char *account, const char *id,
                  const char *address, int keep)
{
    char             owner[JM_HASH_LEN + 1];
    jm_str_t         a;
    jm_store_reply_t reply;

    a.data = (u_char *) account;
    a.len = strlen(account);
    jm_sha256_hex(a, owner);

    return jm_store_call(store, &reply,
                         "FCALL jm_route_release 1 jm:route:{%s} %s %s %s %d",
                         address, account, id, owner, keep);
}


/* Looks after an account, once a day; `*again` as above. */
static jm_store_status_t
jm_reaper_account(jm_store_t *store, const char *account, int64_t *again)
{
    jm_store_reply_t  reply;
    jm_store_status_t status;

    do {
        status = jm_store_call(store, &reply,
                               "FCALL jm_account_due 1 " JM_KEY_ACCOUNT
                               " %d %d %d",
                               account, jm_reaper_conf->bin_days,
                               jm_reaper_conf->idle_days, JM_REAPER_SLICE);

    } while (status == JM_STORE_OK && jm_store_is(&reply, 0, "MORE")
             && !jm_reaper_ending);

    if (status != JM_STORE_OK) {
        return status;
    }

    if (jm_store_is(&reply, 0, "DELETED")) {
        return jm_reaper_account_purge(store, account);
    }

    if (reply.nvalues == 2) {
        *again = reply.values[1].number;
    }

    return JM_STORE_OK;
}


/* Takes a deleted account apart, its addresses first. */
static jm_store_status_t
jm_reaper_account_purge(jm_store_t *store, const char *account)
{
    jm_store_reply_t  reply;
    jm_store_status_t status;

    while (!jm_reaper_ending) {
        status = jm_store_call(store, &reply,
                               "FCALL jm_account_purge 1 " JM_KEY_ACCOUNT,
                               account);

        if (status != JM_STORE_OK || reply.nvalues != 2
            || reply.values[1].number == 0) {
            return status;
        }

        status = jm_reaper_addresses(store, account);
        if (status != JM_STORE_OK) {
            return status;
        }
    }

    return JM_STORE_OK;
}


/* Some of the addresses of a deleted account: each of them is over. */
static jm_store_status_t
jm_reaper_addresses(jm_store_t *store, const char *account)
{
    char              ids[JM_REAPER_PAGE][JM_UUID_LEN + 1];
    size_t            i, n;
    int64_t           again;
    jm_store_reply_t  reply;
    jm_store_status_t status;

    status = jm_store_call(store, &reply, "ZRANGE jm:{%s}:addrs 0 %d", account,
                           JM_REAPER_PAGE - 1);

    n = reply.nvalues;

    for (i = 0; i < n; i++) {
        snprintf(ids[i], sizeof(ids[i]), "%s", reply.values[i].text.data);
    }

    for (i = 0; i < n && status == JM_STORE_OK && !jm_reaper_ending; i++) {
        status = jm_reaper_address(store, account, ids[i], &again);
    }

    return status;
}
