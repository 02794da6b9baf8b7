/*
 * The loader behind loader.h.  Its rights are the supervisor's: the password
 * of user loader must be readable again after each loss of Redis.  It reads
 * nothing but two files of ours and Redis's replies.
 */

#define _GNU_SOURCE /* ppoll */

#include "loader.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "store.h"

#define JM_LOADER_CHECK   1000              /* ms between looks */
#define JM_LOADER_RETRY   200               /* ms while the store is away */
#define JM_LOADER_TIMEOUT 2000              /* ms for each reply of Redis */
#define JM_LIBRARY_MAX    (4 * 1024 * 1024) /* bytes of junkmail.lua */

static void             jm_loader_signals(sigset_t *waiting);
static int              jm_loader_read(const char *path, jm_str_t *code);
static jm_store_state_t jm_loader_look(jm_store_t           **store,
                                       const jm_store_conf_t *conf,
                                       jm_str_t code, char *err, size_t size);


int
jm_loader_run(const jm_conf_t *conf, jm_board_t *board)
{
    char             path[1100], err[256];
    jm_str_t         code;
    jm_store_t      *store;
    sigset_t         waiting;
    struct timespec  pause;
    jm_store_conf_t  sc;
    jm_store_state_t state, told;

    if (jm_loader_read(conf->library, &code) != 0) {
        return 1;
    }

    snprintf(path, sizeof(path), "%s/loader.password", conf->passwords);

    sc.redis = conf->redis;
    sc.user = "loader";
    sc.password_file = path;
    sc.timeout_ms = JM_LOADER_TIMEOUT;

    jm_loader_signals(&waiting);

    store = NULL;
    told = JM_STORE_STATE_UNKNOWN;

    for (;;) {
        state = jm_loader_look(&store, &sc, code, err, sizeof(err));
        atomic_store(&board->store, state);

        if (state != told) {
            if (state == JM_STORE_STATE_UP) {
                jm_log("store: ready");
            } else {
                jm_log("store: away: %s", err);
            }

            told = state;
        }

        pause.tv_sec = state == JM_STORE_STATE_UP ? JM_LOADER_CHECK / 1000 : 0;
        pause.tv_nsec = state == JM_STORE_STATE_UP ? 0
                                                   : JM_LOADER_RETRY * 1000000;
        ppoll(NULL, 0, &pause, &waiting);
    }
}


static void
jm_loader_wake(int signo)
{
    /* Being interrupted is all. */
}


/* SIGUSR1, from the supervisor, ends the sleep and interrupts nothing else. */

static void
jm_loader_signals(sigset_t *waiting)
{
    sigset_t         blocked;
    struct sigaction sa;

    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = jm_loader_wake;
    sigaction(SIGUSR1, &sa, NULL);

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, waiting);
    sigdelset(waiting, SIGUSR1);
}


static int
jm_loader_read(const char *path, jm_str_t *code)
{
    int   err;
    FILE *file;

    errno = 0;
    file = fopen(path, "re");
    code->data = malloc(JM_LIBRARY_MAX);

    if (file == NULL || code->data == NULL) {
        jm_log("%s: %s", path, strerror(errno));
        return -1;
    }

    code->len = fread(code->data, 1, JM_LIBRARY_MAX, file);
    err = ferror(file);
    fclose(file);

    if (err || code->len == 0 || code->len == JM_LIBRARY_MAX) {
        jm_log("%s: cannot be read, is empty or too long", path);
        return -1;
    }

    return 0;
}


/* Connects if need be and sees to the library. */

static jm_store_state_t
jm_loader_look(jm_store_t **store, const jm_store_conf_t *conf, jm_str_t code,
               char *err, size_t size)
{
    if (*store == NULL) {
        *store = jm_store_open(conf, err, size);
    }

    if (*store == NULL) {
        return JM_STORE_STATE_AWAY;
    }

    if (jm_store_load(*store, code) == JM_STORE_OK) {
        return JM_STORE_STATE_UP;
    }

    snprintf(err, size, "%s", jm_store_error(*store));
    jm_store_close(*store);
    *store = NULL;

    return JM_STORE_STATE_AWAY;
}
