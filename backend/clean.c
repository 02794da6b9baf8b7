/*
 * The command behind clean.h.  Does what a worker does, in its order: opens
 * what will be needed, locks itself in, and only then reads the first byte.
 */

#include "clean.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "log.h"
#include "message.h"
#include "mime.h"
#include "render.h"
#include "sandbox.h"

/* Nothing is stored, so there is no email and no address to name. */
#define JM_CLEAN_ID "00000000-0000-0000-0000-000000000000"

typedef struct {
    jm_arena_t *arena;
    jm_str_t    raw;
    jm_str_t    out;
    int         html;
} jm_clean_t;

static int  jm_clean_prepare(jm_clean_t *c, const jm_conf_t *conf);
static int  jm_clean_read(jm_clean_t *c, size_t limit);
static int  jm_clean_render(jm_clean_t *c, int unparsed);
static void jm_clean_make(jm_clean_t *c, int unparsed);


int
jm_clean(const jm_conf_t *conf, int html)
{
    int        rc;
    jm_clean_t c;

    memset(&c, 0, sizeof(jm_clean_t));
    c.html = html;

    if (jm_clean_prepare(&c, conf) != 0) {
        return JM_CLEAN_FAILED;
    }

    rc = jm_clean_read(&c, conf->message_size);
    if (rc != 0) {
        return rc;
    }

    jm_sandbox_work();

    if (jm_clean_render(&c, 0) != 0) {
        jm_log("the mail takes too much memory, it would be stored unparsed");
        jm_arena_reset(c.arena);
        rc = JM_CLEAN_LIMIT;

        if (jm_clean_render(&c, 1) != 0) {
            jm_log("the mail takes too much memory even so");
            return rc;
        }
    }

    jm_sandbox_rest();

    if (fwrite(c.out.data, 1, c.out.len, stdout) != c.out.len
        || fflush(stdout) != 0)
    {
        jm_log("standard output: %s", strerror(errno));
        return JM_CLEAN_FAILED;
    }

    return rc;
}


static int
jm_clean_prepare(jm_clean_t *c, const jm_conf_t *conf)
{
    if (jm_mime_init() != 0) {
        jm_log("a character set is missing: is libc's gconv complete?");
        return -1;
    }

    jm_html_init();
    tzset();

    c->arena = jm_arena_create(JM_MESSAGE_MEMORY);
    c->raw.data = malloc(conf->message_size + 1);

    if (c->arena == NULL || c->raw.data == NULL) {
        jm_log("no memory");
        return -1;
    }

    return jm_sandbox_enter(conf);
}


/* 0, or the exit code. */

static int
jm_clean_read(jm_clean_t *c, size_t limit)
{
    c->raw.len = fread(c->raw.data, 1, limit + 1, stdin);

    if (ferror(stdin)) {
        jm_log("standard input: %s", strerror(errno));
        return JM_CLEAN_FAILED;
    }

    if (c->raw.len > limit) {
        jm_log("the mail is larger than message_size, %zu bytes", limit);
        return JM_CLEAN_LIMIT;
    }

    return 0;
}


/* 0, or -1 when the arena was too small: the guard ends with this function. */

static int
jm_clean_render(jm_clean_t *c, int unparsed)
{
    if (setjmp(*jm_arena_guard(c->arena)) != 0) {
        return -1;
    }

    jm_clean_make(c, unparsed);

    return 0;
}


/* Not inlined: what setjmp() returns into has no variables of its own. */

static __attribute__((noinline)) void
jm_clean_make(jm_clean_t *c, int unparsed)
{
    jm_message_t message;

    if (unparsed) {
        jm_message_unparsed(&message, c->arena, c->raw);
    } else {
        jm_message_read(&message, c->arena, c->raw);
    }

    c->out = c->html ? jm_render_page(&message)
                     : jm_render_email(&message, JM_CLEAN_ID, JM_CLEAN_ID,
                                       jm_str(""), jm_now_ms());
}
