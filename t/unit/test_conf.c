/*
 * conf.c: defaults, every option, every mistake; and that the shipped example
 * says what the code does.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf.h"

static char file[] = "/tmp/jm-test-conf-XXXXXX";


/* Reads `text`; what it has to say goes to `said`, 512 bytes. */

static int
read_text(const char *text, size_t len, jm_conf_t *conf, char *said)
{
    int   rc, saved, fds[2];
    FILE *f;

    f = fopen(file, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    fclose(f);

    assert_int_equal(pipe(fds), 0);
    fflush(stderr);
    saved = dup(STDERR_FILENO);
    dup2(fds[1], STDERR_FILENO);
    close(fds[1]);

    rc = jm_conf_read(conf, file);

    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);

    len = (size_t) read(fds[0], said, 511);
    said[len] = '\0';
    close(fds[0]);

    return rc;
}


static void
free_conf(jm_conf_t *conf)
{
    free(conf->redis);
    free(conf->passwords);
    free(conf->lmtp);
    free(conf->library);
    free(conf->user);
    free(conf->group);
    free(conf->trackers);
    free(conf->pid);
}


static void
assert_defaults(const jm_conf_t *conf)
{
    assert_string_equal(conf->redis, "/run/junkmail/redis.sock");
    assert_string_equal(conf->passwords, "/etc/junkmail");
    assert_string_equal(conf->lmtp, "/run/junkmail/lmtp.sock");
    assert_string_equal(conf->library,
                        "/usr/local/share/junkmail/junkmail.lua");
    assert_string_equal(conf->user, "nobody");
    assert_null(conf->group);
    assert_null(conf->trackers);
    assert_null(conf->pid);
    assert_int_equal(conf->workers, 4);
    assert_int_equal(conf->message_size, 26 * 1024 * 1024);
    assert_int_equal(conf->keep_originals, 1);
}


static void
test_defaults(void **state)
{
    char      said[512];
    jm_conf_t conf;

    assert_int_equal(read_text("", 0, &conf, said), 0);
    assert_string_equal(said, "");
    assert_defaults(&conf);
    free_conf(&conf);
}


/* The example's values are the defaults; so is what it has commented out. */

static void
test_example(void **state)
{
    jm_conf_t conf;

    assert_int_equal(jm_conf_read(&conf, "conf/junkmail.conf"), 0);
    assert_defaults(&conf);
    free_conf(&conf);
}


static void
test_all(void **state)
{
    char              said[512];
    jm_conf_t         conf;
    static const char text[] = "# comment; with a semicolon\n"
                               "redis /r;passwords /p;\n"
                               "lmtp\n  /l  ; # after\n"
                               "library \"/a b;c\\\"d\\\\#\";\n"
                               "user u; group g; pid /i;\n"
                               "workers 64;\n"
                               "message_size 64k;\n"
                               "keep_originals off;#last";

    assert_int_equal(read_text(text, sizeof(text) - 1, &conf, said), 0);
    assert_string_equal(said, "");
    assert_string_equal(conf.redis, "/r");
    assert_string_equal(conf.passwords, "/p");
    assert_string_equal(conf.lmtp, "/l");
    assert_string_equal(conf.library, "/a b;c\"d\\#");
    assert_string_equal(conf.user, "u");
    assert_string_equal(conf.group, "g");
    assert_string_equal(conf.pid, "/i");
    assert_int_equal(conf.workers, 64);
    assert_int_equal(conf.message_size, 65536);
    assert_int_equal(conf.keep_originals, 0);
    free_conf(&conf);
}


static const struct {
    const char *text;
    int         line;
    const char *said; /* part of the message; NULL: it is right */
} limits[] = {
    { "workers 1;", 1, NULL },
    { "workers 0;", 1, "\"workers\" must be 1 to 64" },
    { "workers 65;", 1, "\"workers\" must be 1 to 64" },
    { "workers -1;", 1, "\"workers\" wants a number" },
    { "workers 4x;", 1, "\"workers\" wants a number" },
    { "workers 4k;", 1, "\"workers\" wants a number" },
    { "workers 99999999999999999999;", 1, "\"workers\" wants a number" },
    { "message_size 65536;", 1, NULL },
    { "message_size 65535;", 1, "must be 65536 to 67108864" },
    { "message_size 64M;", 1, NULL },
    { "message_size 67108865;", 1, "must be 65536 to 67108864" },
    { "message_size 1kk;", 1, "\"message_size\" wants a number" },
    { "message_size m;", 1, "\"message_size\" wants a number" },
    { "keep_originals yes;", 1, "\"keep_originals\" is \"on\" or \"off\"" },
    { "redis \"\";", 1, "\"redis\" may not be empty" },
    { "group \"\";", 1, NULL },
    { "\n\nnonsense 1;", 3, "\"nonsense\" is not an option" },
    { "workers 2;\nworkers 2;", 2, "\"workers\" is given twice" },
    { "workers;", 1, "\"workers\" wants a value" },
    { "workers", 1, "\"workers\" wants a value" },
    { "workers 2", 1, "\"workers\" wants one value" },
    { "workers 2 3;", 1, "\"workers\" wants one value" },
    { "user\n\n a b;", 3, "\"user\" wants one value" },
    { ";", 1, "unexpected \";\"" },
    { "workers 2;;", 1, "unexpected \";\"" },
    { "user \"a", 1, "quote is not closed" },
    { "user \"a\nb\";", 1, "quote is not closed" },
    { "user \"a\\", 1, "quote is not closed" },
};


static void
test_mistakes(void **state)
{
    int       rc;
    char      said[512], where[64];
    size_t    i;
    jm_conf_t conf;

    for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        rc = read_text(limits[i].text, strlen(limits[i].text), &conf, said);

        if (limits[i].said == NULL) {
            assert_int_equal(rc, 0);

        } else {
            assert_int_equal(rc, -1);
            snprintf(where, sizeof(where), "junkmaild: %s:%d: ", file,
                     limits[i].line);

            if (strncmp(said, where, strlen(where)) != 0
                || strstr(said, limits[i].said) == NULL)
            {
                fail_msg("%s: said %s", limits[i].text, said);
            }
        }

        free_conf(&conf);
    }
}


static void
test_long(void **state)
{
    char      said[512], text[8192];
    jm_conf_t conf;

    memset(text, 'a', sizeof(text));
    assert_int_equal(read_text(text, sizeof(text), &conf, said), -1);
    assert_non_null(strstr(said, "too long a word"));

    /* A socket's name, its suffix and NUL fit sun_path of 108 bytes. */

    memcpy(text, "lmtp ", 5);
    text[5 + 102] = ';';
    assert_int_equal(read_text(text, 5 + 103, &conf, said), 0);
    free_conf(&conf);

    text[5 + 102] = 'a';
    text[5 + 103] = ';';
    assert_int_equal(read_text(text, 5 + 104, &conf, said), -1);
    assert_non_null(strstr(said, "\"lmtp\" is too long"));

    assert_int_equal(read_text("user a\0b;", 9, &conf, said), -1);
    assert_non_null(strstr(said, "NUL"));

    assert_int_equal(jm_conf_read(&conf, "/nonexistent/junkmail.conf"), -1);
}


int
main(void)
{
    int                     fd, rc;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_example),
        cmocka_unit_test(test_all),      cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_long),
    };

    fd = mkstemp(file);
    if (fd == -1) {
        perror(file);
        return 1;
    }

    close(fd);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(file);

    return rc;
}
