/*
 * The worker behind worker.h.  Everything it will ever need is opened before
 * it gives up its privileges, and that before it takes the first byte; if any
 * of it fails it ends, and the supervisor tries again later.
 */

#define _GNU_SOURCE /* accept4 */

#include "worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "arena.h"
#include "clock.h"
#include "html.h"
#include "lmtp.h"
#include "log.h"
#include "message.h"
#include "mime.h"
#include "sandbox.h"
#include "store.h"

#define JM_WORKER_PING     1000 /* ms without a connection before a PING */
#define JM_WORKER_PAUSE    100  /* ms to wait while the store cannot work */
#define JM_WORKER_MESSAGES 1000 /* then a fresh process takes over */
#define JM_STORE_TIMEOUT   5000 /* ms for each reply of Redis */

typedef struct {
    jm_lmtp_t  lmtp;
    jm_slot_t *slot;
    int        listener;
    int        epoll;
    sigset_t   waiting; /* signal mask while waiting: SIGTERM comes through */
} jm_worker_t;

static int  jm_worker_prepare(jm_worker_t *w, const jm_conf_t *conf);
static int  jm_worker_signals(jm_worker_t *w);
static int  jm_worker_open(jm_worker_t *w, const jm_conf_t *conf);
static int  jm_worker_listen(jm_worker_t *w);
static int  jm_worker_accept(jm_worker_t *w);
static void jm_worker_busy(void *data, int busy);
static void jm_worker_stop(int signo);

static volatile sig_atomic_t jm_worker_stopping;


int
jm_worker_run(const jm_conf_t *conf, int listener, jm_slot_t *slot)
{
    int                fd, rc, served;
    static jm_worker_t worker;

    worker.slot = slot;
    worker.listener = listener;

    rc = jm_worker_prepare(&worker, conf);
    if (rc != 0) {
        return rc;
    }

    atomic_store(&slot->ready, 1);

    for (served = 0; !jm_worker_stopping && served < JM_WORKER_MESSAGES;
         /* void */)
    {
        fd = jm_worker_accept(&worker);

        if (fd == -1) {
            jm_log("store: %s", jm_store_error(worker.lmtp.store));
            return JM_EXIT_AGAIN;
        }

        if (fd == -2) {
            continue;
        }

        served++;

        switch (jm_lmtp_serve(&worker.lmtp, fd)) {
        case JM_LMTP_STORE_DOWN:
            return JM_EXIT_AGAIN;
        case JM_LMTP_WORN:
            return 0;
        default:
            break;
        }
    }

    jm_store_close(worker.lmtp.store);

    return 0;
}


/* 0, or the exit code. */

static int
jm_worker_prepare(jm_worker_t *w, const jm_conf_t *conf)
{
    int rc;

    w->lmtp.conf = conf;
    w->lmtp.busy = jm_worker_busy;
    w->lmtp.data = w;
    w->lmtp.stopping = &jm_worker_stopping;
    w->lmtp.waiting = &w->waiting;

    if (gethostname(w->lmtp.name, sizeof(w->lmtp.name) - 1) != 0
        || w->lmtp.name[0] == '\0')
    {
        snprintf(w->lmtp.name, sizeof(w->lmtp.name), "localhost");
    }

    rc = jm_worker_open(w, conf);
    if (rc != 0) {
        return rc;
    }

    if (jm_worker_signals(w) != 0 || jm_worker_listen(w) != 0) {
        return 1;
    }

    return jm_sandbox_enter(conf) == 0 ? 0 : 1;
}


/* Redis, character sets, HTML tables, time zone, memory. */

static int
jm_worker_open(jm_worker_t *w, const jm_conf_t *conf)
{
    char            path[1100], err[256];
    jm_store_conf_t store;

    snprintf(path, sizeof(path), "%s/backend.password", conf->passwords);

    store.redis = conf->redis;
    store.user = "backend";
    store.password_file = path;
    store.timeout_ms = JM_STORE_TIMEOUT;

    w->lmtp.store = jm_store_open(&store, err, sizeof(err));

    if (w->lmtp.store == NULL) {
        jm_log("store: %s", err);
        return JM_EXIT_AGAIN;
    }

    if (jm_mime_init() != 0) {
        jm_log("a character set is missing: is libc's gconv complete?");
        return 1;
    }

    jm_html_init();
    tzset();

    w->lmtp.arena = jm_arena_create(JM_MESSAGE_MEMORY);

    if (w->lmtp.arena == NULL) {
        jm_log("no memory");
        return 1;
    }

    return 0;
}


/* SIGTERM stays blocked but for the moments of waiting, so that no system
   call of a library is interrupted by it. */

static int
jm_worker_signals(jm_worker_t *w)
{
    struct sigaction sa;

    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = jm_worker_stop;

    if (sigprocmask(SIG_SETMASK, NULL, &w->waiting) != 0
        || sigdelset(&w->waiting, SIGTERM) != 0
        || sigaction(SIGTERM, &sa, NULL) != 0)
    {
        jm_log("signals: %s", strerror(errno));
        return -1;
    }

    return 0;
}


static void
jm_worker_stop(int signo)
{
    jm_worker_stopping = 1;
}


/* EPOLLEXCLUSIVE: a connection wakes one worker, not all of them. */

static int
jm_worker_listen(jm_worker_t *w)
{
    struct epoll_event event;

    memset(&event, 0, sizeof(event));
    event.events = EPOLLIN | EPOLLEXCLUSIVE;

    w->epoll = epoll_create1(EPOLL_CLOEXEC);

    if (w->epoll == -1
        || epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->listener, &event) != 0)
    {
        jm_log("epoll: %s", strerror(errno));
        return -1;
    }

    return 0;
}


/*
 * The next connection; -2 when there was none after a while, -1 when the
 * store is lost.  The store is asked before each accept: a connection that
 * nobody has taken waits in the kernel's queue for a worker who can serve it.
 * Accepting is tried even if epoll told of nothing, in case the worker that it
 * told has died.
 */

static int
jm_worker_accept(jm_worker_t *w)
{
    int                fd;
    struct timespec    pause;
    jm_store_status_t  status;
    struct epoll_event event;

    epoll_pwait(w->epoll, &event, 1, JM_WORKER_PING, &w->waiting);

    if (jm_worker_stopping) {
        return -2;
    }

    status = jm_store_ping(w->lmtp.store);

    if (status == JM_STORE_DOWN) {
        return -1;
    }

    atomic_store(&w->slot->ready, status == JM_STORE_OK);

    if (status != JM_STORE_OK) {

        /* Redis answers but has no functions, or is loading: the loader sees
           to that. */

        pause.tv_sec = 0;
        pause.tv_nsec = JM_WORKER_PAUSE * 1000000;
        nanosleep(&pause, NULL);

        return -2;
    }

    fd = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    return fd == -1 ? -2 : fd;
}


static void
jm_worker_busy(void *data, int busy)
{
    jm_worker_t *w;

    w = data;
    atomic_store(&w->slot->busy, busy ? jm_ticks_ms() : 0);
}
