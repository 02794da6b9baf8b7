/*
 * Privileges and limits of a backend child: setresuid(2), prctl(2),
 * setrlimit(2).
 */

#define _GNU_SOURCE /* setresuid, setgroups */

#include "sandbox.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "log.h"

#define JM_MEMORY ((rlim_t) 512 * 1024 * 1024) /* bytes of address space */
#define JM_FILES  64                           /* open files */

static int jm_sandbox_drop(const jm_conf_t *conf);
static int jm_sandbox_limits(void);

/* ASan reserves terabytes of address space for its shadow. */

#ifdef __SANITIZE_ADDRESS__
#define JM_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define JM_ADDRESS_SANITIZER 1
#endif
#endif


int
jm_sandbox_enter(const jm_conf_t *conf)
{
    umask(077);

    if (jm_sandbox_drop(conf) != 0 || jm_sandbox_limits() != 0) {
        return -1;
    }

    /* Changing ids has made the kernel forget that this process is to end with
       its supervisor. */

    prctl(PR_SET_PDEATHSIG, SIGTERM);

    /* No setuid program may give back what we gave up. */

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        jm_log("no_new_privs: %s", strerror(errno));
        return -1;
    }

    return 0;
}


/* Only root has something to drop; others run as who they are. */

static int
jm_sandbox_drop(const jm_conf_t *conf)
{
    struct passwd *pw;

    if (geteuid() != 0) {
        return 0;
    }

    errno = 0;
    pw = getpwnam(conf->user);

    if (pw == NULL) {
        jm_log("user \"%s\": %s", conf->user,
               errno != 0 ? strerror(errno) : "no such user");
        return -1;
    }

    if (pw->pw_uid == 0) {
        jm_log("user \"%s\" is root: workers must not be", conf->user);
        return -1;
    }

    /* Groups first: afterwards the right to change them is gone. */

    if (setgroups(0, NULL) != 0
        || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0
        || setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0)
    {
        jm_log("becoming user \"%s\": %s", conf->user, strerror(errno));
        return -1;
    }

    if (setuid(0) == 0) {
        jm_log("user \"%s\" can become root again", conf->user);
        return -1;
    }

    return 0;
}


static int
jm_sandbox_limit(const char *name, int resource, rlim_t value)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) != 0) {
        jm_log("limit on %s: %s", name, strerror(errno));
        return -1;
    }

    /* Whoever started us may have set a stricter one. */

    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < value) {
        value = limit.rlim_max;
    }

    limit.rlim_cur = value;
    limit.rlim_max = value;

    if (setrlimit(resource, &limit) != 0) {
        jm_log("limit on %s: %s", name, strerror(errno));
        return -1;
    }

    return 0;
}


static int
jm_sandbox_limits(void)
{
#ifndef JM_ADDRESS_SANITIZER
    if (jm_sandbox_limit("memory", RLIMIT_AS, JM_MEMORY) != 0) {
        return -1;
    }
#endif

    if (jm_sandbox_limit("open files", RLIMIT_NOFILE, JM_FILES) != 0) {
        return -1;
    }

    return jm_sandbox_limit("core dumps", RLIMIT_CORE, 0);
}


static void
jm_sandbox_timer(time_t seconds)
{
    struct itimerval timer;

    memset(&timer, 0, sizeof(timer));
    timer.it_value.tv_sec = seconds;

    setitimer(ITIMER_PROF, &timer, NULL);
}


void
jm_sandbox_work(void)
{
    /*
     * RLIMIT_CPU counts the whole life of a process and only seconds; this
     * timer counts one message.  Its signal is left to the default action,
     * which nothing in a parser can delay.
     */

    jm_sandbox_timer(JM_CPU_SECONDS);
}


void
jm_sandbox_rest(void)
{
    jm_sandbox_timer(0);
}
