/*
 * The supervisor behind supervisor.h: one loop that sleeps in ppoll(2) until a
 * signal, a tick, or, while nobody else can answer, a connection.
 */

#define _GNU_SOURCE /* ppoll, accept4 */

#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "lmtp.h"
#include "loader.h"
#include "log.h"
#include "reaper.h"
#include "sandbox.h"
#include "trackers.h"
#include "worker.h"

#define JM_TICK        200   /* ms between looks at the children */
#define JM_FIRST_LOOK  3000  /* ms to wait for the loader's first word */
#define JM_WATCHDOG    7000  /* ms of wall time for one message */
#define JM_PREPARE     30000 /* ms a worker may take to get ready */
#define JM_GRACE       30000 /* ms to finish after SIGTERM */
#define JM_NOBODY      2000  /* ms without a ready worker before we answer */
#define JM_BACKOFF     100   /* ms before a child is started again, */
#define JM_BACKOFF_MAX 5000  /* doubled up to this if it never got ready */
#define JM_BACKLOG     1024  /* connections that wait for a worker */

typedef enum { JM_ROLE_LOADER = 0, JM_ROLE_REAPER, JM_ROLE_WORKER } jm_role_t;

#define JM_ROLES 3

typedef struct {
    pid_t     pid; /* 0: free */
    jm_role_t role;
    int64_t   since;        /* ticks at which it was started */
    int64_t   kill_at;      /* ticks; 0: not told to end */
    unsigned  reported : 1; /* the log knows why it was killed */
} jm_child_t;

/* When a child of this role may be started again. */
typedef struct {
    int64_t next;
    int64_t delay;
} jm_backoff_t;

typedef struct {
    jm_conf_t   *conf;
    const char  *path;
    char        *socket; /* what we listen on, whatever a reload says */
    char        *pidfile;
    int          lock;
    int          listener;
    jm_board_t  *board;
    jm_child_t   children[JM_SLOTS]; /* n has slot n of the board */
    jm_backoff_t backoff[JM_ROLES];
    int64_t      last_ready; /* ticks at which a worker was last ready */
    unsigned     stopping : 1;
    sigset_t     waiting; /* signal mask while waiting */
} jm_supervisor_t;

static int  jm_supervisor_signals(jm_supervisor_t *sv);
static void jm_supervisor_signal(int signo);
static int  jm_supervisor_lock(jm_supervisor_t *sv);
static int  jm_supervisor_listen(jm_supervisor_t *sv);
static int  jm_supervisor_bind(jm_supervisor_t *sv, int fd);
static int  jm_supervisor_group(const char *group, const char *path);
static void jm_supervisor_pidfile(jm_supervisor_t *sv);
static void jm_supervisor_first_look(jm_supervisor_t *sv);
static void jm_supervisor_loop(jm_supervisor_t *sv);
static void jm_supervisor_wait(jm_supervisor_t *sv);
static void jm_supervisor_refuse(jm_supervisor_t *sv);
static void jm_supervisor_start(jm_supervisor_t *sv, int64_t now);
static int  jm_supervisor_fork(jm_supervisor_t *sv, jm_role_t role);
static int  jm_supervisor_child(jm_supervisor_t *sv, size_t n, pid_t parent);
static void jm_supervisor_reap(jm_supervisor_t *sv);
static void jm_supervisor_ended(jm_supervisor_t *sv, size_t n, int status);
static void jm_supervisor_watch(jm_supervisor_t *sv, int64_t now);
static void jm_supervisor_retire(jm_supervisor_t *sv);
static void jm_supervisor_reload(jm_supervisor_t *sv);
static void jm_supervisor_stop(jm_supervisor_t *sv);

static const char *const jm_role_names[] = { "loader", "reaper", "worker" };

static volatile sig_atomic_t jm_signal_stop;
static volatile sig_atomic_t jm_signal_reload;


int
jm_supervisor_run(jm_conf_t *conf, const char *path)
{
    static jm_supervisor_t sv;

    sv.conf = conf;
    sv.path = path;
    sv.socket = conf->lmtp;
    sv.pidfile = conf->pid;
    sv.listener = -1;

    sv.board = mmap(NULL, sizeof(jm_board_t), PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (sv.board == MAP_FAILED) {
        jm_log("shared memory: %s", strerror(errno));
        return 1;
    }

    if (jm_supervisor_signals(&sv) != 0 || jm_supervisor_lock(&sv) != 0) {
        return 1;
    }

    /* Clients may take the socket for the sign that the store has its
       functions: it appears after the loader's first word. */

    jm_supervisor_first_look(&sv);

    if (!jm_signal_stop && jm_supervisor_listen(&sv) != 0) {
        jm_supervisor_stop(&sv);
        jm_supervisor_loop(&sv);
        return 1;
    }

    if (!jm_signal_stop) {
        jm_supervisor_pidfile(&sv);
        jm_log("started: %d workers, LMTP at %s", conf->workers, sv.socket);
    }

    jm_supervisor_loop(&sv);
    jm_log("stopped");

    return 0;
}


/* Signals come through only while we wait, so that nothing has to be safe
   from them. */

static int
jm_supervisor_signals(jm_supervisor_t *sv)
{
    size_t           i;
    sigset_t         blocked;
    struct sigaction sa;

    /* SIGUSR1 is for the loader, which inherits that it is not deadly. */
    static const int signals[] = { SIGTERM, SIGINT,  SIGQUIT,
                                   SIGHUP,  SIGCHLD, SIGUSR1 };

    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = jm_supervisor_signal;
    sigemptyset(&blocked);

    for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigaddset(&blocked, signals[i]);

        if (sigaction(signals[i], &sa, NULL) != 0) {
            jm_log("signals: %s", strerror(errno));
            return -1;
        }
    }

    signal(SIGPIPE, SIG_IGN);

    if (sigprocmask(SIG_BLOCK, &blocked, &sv->waiting) != 0) {
        jm_log("signals: %s", strerror(errno));
        return -1;
    }

    for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigdelset(&sv->waiting, signals[i]);
    }

    return 0;
}


static void
jm_supervisor_signal(int signo)
{
    if (signo == SIGHUP) {
        jm_signal_reload = 1;

    } else if (signo != SIGCHLD && signo != SIGUSR1) {
        jm_signal_stop = 1;
    }
}


/*
 * One daemon a socket.  The lock is POSIX's, which children do not inherit:
 * old ones that still finish a message do not keep a new daemon out.
 */

static int
jm_supervisor_lock(jm_supervisor_t *sv)
{
    char         path[sizeof(((struct sockaddr_un *) 0)->sun_path)];
    struct flock lock;

    snprintf(path, sizeof(path), "%s.lock", sv->socket);
    sv->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (sv->lock == -1) {
        jm_log("%s: %s", path, strerror(errno));
        return -1;
    }

    memset(&lock, 0, sizeof(lock));
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;

    if (fcntl(sv->lock, F_SETLK, &lock) != 0) {
        jm_log("%s: another junkmaild serves this socket", sv->socket);
        return -1;
    }

    return 0;
}


static int
jm_supervisor_listen(jm_supervisor_t *sv)
{
    int fd;

    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd == -1) {
        jm_log("socket: %s", strerror(errno));
        return -1;
    }

    if (jm_supervisor_bind(sv, fd) != 0) {
        close(fd);
        return -1;
    }

    sv->listener = fd;
    sv->last_ready = jm_ticks_ms();

    return 0;
}


/*
 * Bound under another name and renamed: the socket appears with its rights,
 * listening, in the place of one that a killed daemon has left.
 */

static int
jm_supervisor_bind(jm_supervisor_t *sv, int fd)
{
    int                rc;
    mode_t             mask;
    struct sockaddr_un sa;

    memset(&sa, 0, sizeof(sa));
    sa.sun_family = AF_UNIX;
    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s.new", sv->socket);
    unlink(sa.sun_path);

    mask = umask(0117);
    rc = bind(fd, (struct sockaddr *) &sa, sizeof(sa));
    umask(mask);

    if (rc != 0 || listen(fd, JM_BACKLOG) != 0) {
        jm_log("%s: %s", sv->socket, strerror(errno));
        return -1;
    }

    if (sv->conf->group != NULL
        && jm_supervisor_group(sv->conf->group, sa.sun_path) != 0)
    {
        return -1;
    }

    if (rename(sa.sun_path, sv->socket) != 0) {
        jm_log("%s: %s", sv->socket, strerror(errno));
        return -1;
    }

    return 0;
}


static int
jm_supervisor_group(const char *group, const char *path)
{
    struct group *gr;

    errno = 0;
    gr = getgrnam(group);

    if (gr == NULL) {
        jm_log("group \"%s\": %s", group,
               errno != 0 ? strerror(errno) : "no such group");
        return -1;
    }

    if (chown(path, (uid_t) -1, gr->gr_gid) != 0) {
        jm_log("%s: group \"%s\": %s", path, group, strerror(errno));
        return -1;
    }

    return 0;
}


static void
jm_supervisor_pidfile(jm_supervisor_t *sv)
{
    FILE *file;

    if (sv->pidfile == NULL) {
        return;
    }

    file = fopen(sv->pidfile, "we");

    if (file == NULL) {
        jm_log("%s: %s", sv->pidfile, strerror(errno));
        return;
    }

    fprintf(file, "%d\n", (int) getpid());
    fclose(file);
}


static void
jm_supervisor_first_look(jm_supervisor_t *sv)
{
    int64_t end;

    end = jm_ticks_ms() + JM_FIRST_LOOK;

    while (!jm_signal_stop && jm_ticks_ms() < end
           && atomic_load(&sv->board->store) == JM_STORE_STATE_UNKNOWN)
    {
        jm_supervisor_reap(sv);
        jm_supervisor_start(sv, jm_ticks_ms());
        jm_supervisor_wait(sv);
    }
}


static void
jm_supervisor_loop(jm_supervisor_t *sv)
{
    size_t  i, alive;
    int64_t now;

    for (;;) {
        if (jm_signal_stop && !sv->stopping) {
            jm_supervisor_stop(sv);
        }

        if (jm_signal_reload) {
            jm_signal_reload = 0;
            jm_supervisor_reload(sv);
        }

        now = jm_ticks_ms();

        jm_supervisor_reap(sv);
        jm_supervisor_watch(sv, now);
        jm_supervisor_start(sv, now);

        for (i = 0, alive = 0; i < JM_SLOTS; i++) {
            alive += sv->children[i].pid != 0;
        }

        if (sv->stopping && alive == 0) {
            return;
        }

        jm_supervisor_wait(sv);
    }
}


/* Until a signal or the next tick; answers connections if nobody else can. */

static void
jm_supervisor_wait(jm_supervisor_t *sv)
{
    int             refusing;
    struct pollfd   pfd;
    struct timespec ts;

    ts.tv_sec = 0;
    ts.tv_nsec = JM_TICK * 1000000;

    /*
     * A connection that is left in the queue costs its client 8 s; one that is
     * refused at once can be tried again.  The store being away is reason
     * enough, whatever the workers still believe.
     */

    refusing = sv->listener != -1
               && (atomic_load(&sv->board->store) != JM_STORE_STATE_UP
                   || jm_ticks_ms() - sv->last_ready > JM_NOBODY);

    pfd.fd = refusing ? sv->listener : -1;
    pfd.events = POLLIN;

    if (ppoll(&pfd, 1, &ts, &sv->waiting) > 0) {
        jm_supervisor_refuse(sv);
    }
}


/* All connections that wait. */

static void
jm_supervisor_refuse(jm_supervisor_t *sv)
{
    int fd;

    for (;;) {
        fd = accept4(sv->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd == -1) {
            return;
        }

        jm_lmtp_refuse(fd, sv->stopping);
    }
}


/* How many of a role run and have not been told to end. */

static int
jm_supervisor_count(const jm_supervisor_t *sv, jm_role_t role)
{
    int    n;
    size_t i;

    for (i = 0, n = 0; i < JM_SLOTS; i++) {
        n += sv->children[i].pid != 0 && sv->children[i].role == role
             && sv->children[i].kill_at == 0;
    }

    return n;
}


/*
 * Starts what is missing.  Nobody but the loader is started while the store is
 * away: they would only find that out, too.
 */

static void
jm_supervisor_start(jm_supervisor_t *sv, int64_t now)
{
    int       n;
    jm_role_t role;

    if (sv->stopping) {
        return;
    }

    for (role = JM_ROLE_LOADER; role <= JM_ROLE_WORKER; role++) {
        if (now < sv->backoff[role].next) {
            continue;
        }

        if (role != JM_ROLE_LOADER
            && (sv->listener == -1
                || atomic_load(&sv->board->store) != JM_STORE_STATE_UP))
        {
            continue;
        }

        n = role == JM_ROLE_WORKER ? sv->conf->workers : 1;
        n -= jm_supervisor_count(sv, role);

        while (n-- > 0) {
            if (jm_supervisor_fork(sv, role) != 0) {
                sv->backoff[role].next = now + JM_BACKOFF_MAX;
                break;
            }
        }
    }
}


static int
jm_supervisor_fork(jm_supervisor_t *sv, jm_role_t role)
{
    pid_t       pid, parent;
    size_t      n;
    jm_child_t *child;

    for (n = 0; n < JM_SLOTS && sv->children[n].pid != 0; n++) {
        /* void */
    }

    if (n == JM_SLOTS) {
        jm_log("too many old children: no new %s", jm_role_names[role]);
        return -1;
    }

    child = &sv->children[n];
    memset(child, 0, sizeof(jm_child_t));
    child->role = role;
    child->since = jm_ticks_ms();

    atomic_store(&sv->board->slots[n].ready, 0);
    atomic_store(&sv->board->slots[n].busy, 0);

    parent = getpid();
    pid = fork();

    if (pid == 0) {
        exit(jm_supervisor_child(sv, n, parent));
    }

    if (pid == -1) {
        jm_log("fork: %s", strerror(errno));
        return -1;
    }

    child->pid = pid;

    return 0;
}


/* In the child: forgets what is the supervisor's, then plays its role. */

static int
jm_supervisor_child(jm_supervisor_t *sv, size_t n, pid_t parent)
{
    sigset_t  term;
    jm_role_t role;

    role = sv->children[n].role;

    /* Nobody finishes anything without a supervisor. */

    prctl(PR_SET_PDEATHSIG, SIGTERM);

    if (getppid() != parent) {
        return 0;
    }

    /* Ctrl-C at a terminal goes to all of us, but ending is the supervisor's
       decision. */

    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGTERM, SIG_DFL);

    close(sv->lock);

    if (role != JM_ROLE_WORKER && sv->listener != -1) {
        close(sv->listener);
    }

    sigprocmask(SIG_SETMASK, &sv->waiting, NULL);

    switch (role) {

    case JM_ROLE_LOADER:
        return jm_loader_run(sv->conf, sv->board);

    case JM_ROLE_REAPER:
        return jm_reaper_run(sv->conf);

    default:
        sigemptyset(&term);
        sigaddset(&term, SIGTERM);
        sigprocmask(SIG_BLOCK, &term, NULL);

        return jm_worker_run(sv->conf, sv->listener, &sv->board->slots[n]);
    }
}


static void
jm_supervisor_reap(jm_supervisor_t *sv)
{
    int    status;
    pid_t  pid;
    size_t n;

    for (;;) {
        pid = waitpid(-1, &status, WNOHANG);

        if (pid <= 0) {
            return;
        }

        for (n = 0; n < JM_SLOTS; n++) {
            if (sv->children[n].pid == pid) {
                jm_supervisor_ended(sv, n, status);
                break;
            }
        }
    }
}


static void
jm_supervisor_log_end(const jm_child_t *child, int status)
{
    const char *name;

    name = jm_role_names[child->role];

    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF) {
        jm_log("%s %d used %d s of processor time for one message: killed",
               name, (int) child->pid, JM_CPU_SECONDS);

    } else if (WIFSIGNALED(status) && !child->reported
               && !(child->kill_at != 0 && WTERMSIG(status) == SIGTERM))
    {
        jm_log("%s %d killed by signal %d (%s)", name, (int) child->pid,
               WTERMSIG(status), strsignal(WTERMSIG(status)));

    } else if (WIFEXITED(status) && WEXITSTATUS(status) != 0
               && WEXITSTATUS(status) != JM_EXIT_AGAIN)
    {
        jm_log("%s %d ended with %d", name, (int) child->pid,
               WEXITSTATUS(status));
    }
}


/* Somebody has found the store away: the loader is to look at once, before
   more are started. */

static void
jm_supervisor_wake_loader(const jm_supervisor_t *sv)
{
    size_t i;

    for (i = 0; i < JM_SLOTS; i++) {
        if (sv->children[i].pid != 0 && sv->children[i].role == JM_ROLE_LOADER)
        {
            kill(sv->children[i].pid, SIGUSR1);
        }
    }
}


/*
 * A child that worked and then died is replaced soon, whatever killed it: a
 * stranger's mail must not be able to slow the daemon down.  One that never
 * got ready has a reason that will stay: each try waits twice as long.
 */

static void
jm_supervisor_ended(jm_supervisor_t *sv, size_t n, int status)
{
    int           away, ready;
    int64_t       now;
    jm_child_t   *child;
    jm_backoff_t *backoff;

    child = &sv->children[n];
    backoff = &sv->backoff[child->role];
    now = jm_ticks_ms();

    jm_supervisor_log_end(child, status);

    away = WIFEXITED(status) && WEXITSTATUS(status) == JM_EXIT_AGAIN;

    if (away) {
        jm_supervisor_wake_loader(sv);
    }

    if (child->kill_at == 0
        && !(WIFEXITED(status) && WEXITSTATUS(status) == 0)) {
        ready = atomic_load(&sv->board->slots[n].ready)
                || now - child->since > JM_BACKOFF_MAX || away;

        backoff->delay = ready || backoff->delay == 0 ? JM_BACKOFF
                                                      : backoff->delay * 2;

        if (backoff->delay > JM_BACKOFF_MAX) {
            backoff->delay = JM_BACKOFF_MAX;
        }

        backoff->next = now + backoff->delay;
    }

    atomic_store(&sv->board->slots[n].ready, 0);
    atomic_store(&sv->board->slots[n].busy, 0);
    memset(child, 0, sizeof(jm_child_t));
}


static void
jm_supervisor_kill(jm_child_t *child, const char *why)
{
    if (!child->reported) {
        jm_log("%s %d %s: killed", jm_role_names[child->role],
               (int) child->pid, why);
    }

    child->reported = 1;
    kill(child->pid, SIGKILL);
}


/* The clock on the wall: nobody works longer than he may. */

static void
jm_supervisor_watch(jm_supervisor_t *sv, int64_t now)
{
    size_t      i;
    int64_t     busy;
    jm_slot_t  *slot;
    jm_child_t *child;

    for (i = 0; i < JM_SLOTS; i++) {
        child = &sv->children[i];
        slot = &sv->board->slots[i];

        if (child->pid == 0) {
            continue;
        }

        if (child->kill_at != 0 && now >= child->kill_at) {
            jm_supervisor_kill(child, "did not end in time");
        }

        if (child->role != JM_ROLE_WORKER) {
            continue;
        }

        busy = atomic_load(&slot->busy);

        if (busy != 0 && now - busy > JM_WATCHDOG) {
            jm_supervisor_kill(child, "took over 7 s for one message");

        } else if (atomic_load(&slot->ready)) {
            sv->last_ready = now;

        } else if (now - child->since > JM_PREPARE
                   && atomic_load(&sv->board->store) == JM_STORE_STATE_UP)
        {
            jm_supervisor_kill(child, "is not ready");
        }
    }
}


/* Tells all children to finish what they have. */

static void
jm_supervisor_retire(jm_supervisor_t *sv)
{
    size_t      i;
    jm_child_t *child;

    for (i = 0; i < JM_SLOTS; i++) {
        child = &sv->children[i];

        if (child->pid != 0 && child->kill_at == 0) {
            child->kill_at = jm_ticks_ms() + JM_GRACE;
            kill(child->pid, SIGTERM);
        }
    }
}


static void
jm_supervisor_reload(jm_supervisor_t *sv)
{
    size_t    i;
    jm_conf_t conf;

    if (sv->stopping) {
        return;
    }

    if (jm_conf_read(&conf, sv->path) != 0
        || jm_tracker_load(conf.trackers) != 0) {
        jm_log("the configuration cannot be read again, the old one stays");
        return;
    }

    if (strcmp(conf.lmtp, sv->socket) != 0) {
        jm_log("another LMTP socket needs a restart, %s stays", sv->socket);
    }

    *sv->conf = conf;
    jm_supervisor_retire(sv);

    for (i = 0; i < JM_ROLES; i++) {
        memset(&sv->backoff[i], 0, sizeof(jm_backoff_t));
    }

    jm_log("reloaded: %d workers", sv->conf->workers);
}


static void
jm_supervisor_stop(jm_supervisor_t *sv)
{
    sv->stopping = 1;
    jm_log("stopping");

    if (sv->listener != -1) {
        unlink(sv->socket);
        jm_supervisor_retire(sv);
        jm_supervisor_refuse(sv);
        close(sv->listener);
        sv->listener = -1;

        if (sv->pidfile != NULL) {
            unlink(sv->pidfile);
        }
    }

    jm_supervisor_retire(sv);
}
