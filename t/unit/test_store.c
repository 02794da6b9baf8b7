/*
 * store.c, admin.c and reaper.c against a real Redis with our ACL users, in a
 * directory of its own.  Run from the top of the tree, where conf/ is.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "admin.h"
#include "clock.h"
#include "jm_id.h"
#include "jm_key.h"
#include "jm_schema.h"
#include "reaper.h"
#include "store_call.h"

#define LARGE (700 * 1024)

static char        dir[64], redis_socket[80], key_file[80];
static pid_t       redis_pid;
static jm_key_t    operator_key;
static jm_store_t *all, *backend; /* as user test (all rights), backend */

static u_char large[LARGE];


static void
rest(long ms)
{
    struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

    nanosleep(&ts, NULL);
}


/* The path of a file of ours, in turns in one of four buffers. */
static const char *
path_of(const char *name)
{
    char           *path;
    static char     paths[4][160];
    static unsigned turn;

    path = paths[turn++ % 4];

    assert_true((size_t) snprintf(path, sizeof(paths[0]), "%s/%s", dir, name)
                < sizeof(paths[0]));

    return path;
}


/* conf/users.acl.in with every password "secret", and one more user. */
static void
write_users(void)
{
    char        line[4096], hash[JM_HASH_LEN + 1], *at, *end;
    FILE       *in, *out, *password;
    size_t      i;
    const char *users[] = { "edge", "backend", "loader", "admin", "test" };

    jm_sha256_hex(jm_str("secret"), hash);

    in = fopen("conf/users.acl.in", "r");
    out = fopen(path_of("users.acl"), "w");
    assert_true(in != NULL && out != NULL);

    while (fgets(line, sizeof(line), in) != NULL) {
        at = strstr(line, " @");
        end = at ? strchr(at + 2, '@') : NULL;

        if (line[0] == 'u' && end != NULL) {
            fprintf(out, "%.*s #%s%s", (int) (at - line), line, hash, end + 1);
        } else {
            fputs(line, out);
        }
    }

    fprintf(out, "user test on #%s ~* &* +@all\n", hash);
    fclose(in);
    fclose(out);

    for (i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
        snprintf(line, sizeof(line), "%s.password", users[i]);
        password = fopen(path_of(line), "w");
        assert_non_null(password);
        fputs("secret\n", password);
        fclose(password);
    }
}


static void
start_redis(void)
{
    int fd;

    redis_pid = fork();

    if (redis_pid == 0) {
        fd = open(path_of("redis.log"), O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(fd, 1);
        dup2(fd, 2);
        execl("conf/junkmail-redis", "junkmail-redis", path_of("data"),
              redis_socket, path_of("users.acl"), "conf/redis.conf",
              "--appendfsync", "no", NULL);
        _exit(127);
    }
}


static jm_store_t *
open_as(const char *user, int timeout_ms)
{
    char            name[32], err[512];
    jm_store_t     *store;
    jm_store_conf_t conf;

    snprintf(name, sizeof(name), "%s.password", user);

    conf.redis = redis_socket;
    conf.user = user;
    conf.password_file = path_of(name);
    conf.timeout_ms = timeout_ms;

    store = jm_store_open(&conf, err, sizeof(err));

    if (store == NULL) {
        assert_true(strlen(err) > 0);
    }

    return store;
}


static jm_str_t
read_library(void)
{
    FILE         *file;
    jm_str_t      code;
    static u_char text[1 << 20];

    file = fopen(JM_LIBRARY_FILE, "r");
    assert_non_null(file);
    code.data = text;
    code.len = fread(text, 1, sizeof(text), file);
    fclose(file);

    return code;
}


static int
run_admin(const char *line)
{
    int       argc;
    char      copy[256], *argv[8], *p;
    jm_conf_t conf;

    memset(&conf, 0, sizeof(conf));
    conf.redis = redis_socket;
    conf.passwords = dir;

    snprintf(copy, sizeof(copy), "%s", line);
    argc = 0;

    for (p = strtok(copy, " "); p != NULL; p = strtok(NULL, " ")) {
        argv[argc++] = p;
    }

    return jm_admin(&conf, argc, argv);
}


static void
setup_address(const char *account, const char *address, char *id)
{
    char             hash[JM_HASH_LEN + 1];
    jm_str_t         a;
    jm_store_reply_t r;

    a.data = (u_char *) account;
    a.len = strlen(account);
    jm_sha256_hex(a, hash);
    assert_int_equal(jm_uuid7(jm_now_ms(), id), 0);

    assert_int_equal(jm_store_call(all, &r,
                                   "FCALL jm_address_hold 1 jm:{%s} %s %s x",
                                   account, id, address),
                     JM_STORE_OK);
    assert_true(jm_store_is(&r, 0, "OK"));
    assert_int_equal(jm_store_call(all, &r,
                                   "FCALL jm_route_claim 1 jm:route:{%s}"
                                   " %s %s %s",
                                   address, account, id, hash),
                     JM_STORE_OK);
    assert_true(jm_store_is(&r, 0, "OK"));

    /* Not for a domain: its owner may delete it. */

    jm_store_call(all, &r, "HSET jm:{%s}:addr:%s held 0", account, id);
    jm_store_call(all, &r, "HSET jm:{%s} held 0", account);
}


static int64_t
number_of(const char *command, const char *account, const char *id)
{
    jm_store_reply_t r;

    assert_int_equal(jm_store_call(all, &r, "%s", "PING"), JM_STORE_OK);

    if (strcmp(command, "emails") == 0) {
        jm_store_call(all, &r, "HGET jm:{%s} emails", account);
    } else {
        jm_store_call(all, &r, "STRLEN jm:{%s}:%s:%s", account, command, id);
    }

    return r.nvalues == 1 ? r.values[0].number : -1;
}


static int
setup(void **state)
{
    int      tries;
    FILE    *file;
    char     line[128];
    jm_str_t text;

    snprintf(dir, sizeof(dir), "/tmp/test_store.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(redis_socket, sizeof(redis_socket), "%s/redis.sock", dir);
    snprintf(key_file, sizeof(key_file), "%s/operator.key", dir);
    memset(large, 'x', sizeof(large));

    write_users();
    start_redis();

    for (tries = 0; tries < 3000 && all == NULL; tries++) {
        rest(20);
        all = open_as("test", 5000);
    }

    assert_non_null(all);

    backend = open_as("loader", 5000);
    assert_non_null(backend);
    assert_int_equal(jm_store_ping(backend), JM_STORE_REFUSED);
    assert_int_equal(jm_store_load(backend, read_library()), JM_STORE_OK);
    assert_int_equal(jm_store_load(backend, read_library()), JM_STORE_OK);
    assert_int_equal(jm_store_ping(backend), JM_STORE_OK);
    jm_store_close(backend);

    backend = open_as("backend", 5000);
    assert_non_null(backend);

    snprintf(line, sizeof(line), "account add --key-file %s", key_file);
    assert_int_equal(run_admin(line), 0);

    file = fopen(key_file, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    fclose(file);

    text.data = (u_char *) line;
    text.len = strcspn(line, "\n");
    assert_int_equal(jm_key_parse(text, &operator_key), 0);

    return 0;
}


static int
teardown(void **state)
{
    int  status;
    char command[128];

    jm_store_close(all);
    jm_store_close(backend);
    kill(redis_pid, SIGCONT);
    kill(redis_pid, SIGTERM);
    waitpid(redis_pid, &status, 0);

    snprintf(command, sizeof(command), "rm -rf '%s'", dir);

    return system(command);
}


static void
test_admin(void **state)
{
    char        line[256];
    struct stat st;

    assert_int_equal(stat(key_file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    snprintf(line, sizeof(line), "account add --key-file %s", key_file);
    assert_int_equal(run_admin(line), 1);

    snprintf(line, sizeof(line), "domain add X.test --key-file %s", key_file);
    assert_int_equal(run_admin(line), 0);
    assert_int_equal(run_admin(line), 0);
    snprintf(line, sizeof(line), "domain add y.test --postmaster %s",
             operator_key.account);
    assert_int_equal(run_admin(line), 0);
    assert_int_equal(run_admin("domain show Y.test"), 0);
    assert_int_equal(run_admin("domain set y.test --policy catch-all"), 0);
    assert_int_equal(run_admin("domain set y.test --policy pattern"), 1);
    assert_int_equal(
        run_admin("domain set y.test --policy pattern --patterns shop-*,a"),
        0);
    assert_int_equal(run_admin("domain set y.test --patterns b*"), 0);
    assert_int_equal(run_admin("domain set y.test --patterns b**"), 1);
    assert_int_equal(run_admin("domain set y.test --patterns a@b"), 1);
    assert_int_equal(run_admin("domain set y.test --patterns a+b"), 1);
    assert_int_equal(run_admin("domain set y.test --patterns"
                               " 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"),
                     1);
    assert_int_equal(run_admin("domain set y.test --policy closed"), 0);
    assert_int_equal(run_admin("domain set y.test --patterns a"), 1);
    assert_int_equal(run_admin("domain set y.test --policy open"), 1);
    assert_int_equal(run_admin("domain set x.test --postmaster short"), 1);
    assert_int_equal(
        run_admin("domain set x.test --postmaster aaaaaaaaaaaaaaaaaaaaaa"), 1);
    assert_int_equal(run_admin("domain add y.test --policy catch-all"), 1);
    assert_int_equal(run_admin("domain remove y.test"), 0);
    assert_int_equal(run_admin("domain remove y.test"), 1);
    assert_int_equal(run_admin("domain show y.test"), 1);
    assert_int_equal(run_admin("domain set y.test"), 1);
    assert_int_equal(run_admin("domain list"), 0);
    assert_int_equal(run_admin("domain add no_domain"), 1);
    assert_int_equal(run_admin("domain"), 2);
    assert_int_equal(run_admin("domain add"), 2);
    assert_int_equal(run_admin("domain add a.test b.test"), 2);
    assert_int_equal(run_admin("domain list --postmaster x"), 2);
    assert_int_equal(run_admin("domain add a.test --policy"), 2);
}


static void
test_resolve(void **state)
{
    jm_recipient_t   r;
    jm_store_reply_t reply;

    assert_int_equal(
        jm_store_resolve(backend, jm_str("postmaster@x.test"), 1, &r),
        JM_STORE_OK);
    assert_string_equal(r.account, operator_key.account);
    assert_int_equal(strlen(r.address_id), JM_UUID_LEN);

    assert_int_equal(jm_store_resolve(backend, jm_str("no@x.test"), 1, &r),
                     JM_STORE_UNKNOWN);
    assert_int_equal(jm_store_resolve(backend, jm_str("no@z.test"), 1, &r),
                     JM_STORE_FOREIGN);
    assert_int_equal(jm_store_resolve(backend, jm_str("no@z.test"), 0, &r),
                     JM_STORE_UNKNOWN);

    jm_store_call(all, &reply, "HSET jm:route:{was@x.test} owner x");
    assert_int_equal(jm_store_resolve(backend, jm_str("was@x.test"), 1, &r),
                     JM_STORE_CLOSED);

    jm_store_call(all, &reply, "HSET jm:{%s} maxEmails 0", r.account);
    assert_int_equal(jm_store_resolve(backend, jm_str("abuse@x.test"), 1, &r),
                     JM_STORE_QUOTA);
    assert_int_equal(jm_store_resolve(backend, jm_str("abuse@x.test"), 0, &r),
                     JM_STORE_OK);
    jm_store_call(all, &reply, "HSET jm:{%s} maxEmails 1000", r.account);
}


/* A delivery of everything that there can be, to two addresses. */
typedef struct {
    jm_rendered_t      shared;
    jm_rendered_part_t parts[3];
    jm_rendered_for_t  rendered[2];
    jm_delivery_mail_t mails[2];
    jm_delivery_t      d;
    char               did[33];
    char               address[2][37];
} case_t;


static void
make_case(case_t *c)
{
    int i;

    memset(c, 0, sizeof(*c));

    c->shared.bodies.data = jm_str("bodies");
    c->shared.html.data = (jm_str_t){ large, 300 * 1024 };
    c->shared.raw.data = (jm_str_t){ large, LARGE };
    c->shared.parts = c->parts;
    c->shared.nparts = 3;
    c->shared.size = 1000;
    c->shared.has_attachments = 1;

    c->parts[0].data = (jm_str_t){ large, JM_WINDOW };
    c->parts[1].data = (jm_str_t){ large, JM_WINDOW + 1 };

    for (i = 0; i < 3; i++) {
        c->parts[i].content_type = jm_str("image/png");
        c->parts[i].disposition = jm_str("inline; filename=\"\xc3\xa4\"");
        c->parts[i].is_inline = 1;
    }

    for (i = 0; i < 2; i++) {
        jm_uuid7(jm_now_ms(), c->rendered[i].id);
        c->rendered[i].summary = jm_str("\"subject\":\"s\"");
        c->rendered[i].search = jm_str("s");
        c->rendered[i].detail.data = jm_str("detail");
        c->mails[i].rendered = &c->rendered[i];
        c->mails[i].address_id = c->address[i];
    }

    jm_delivery_id(c->did);
    c->d.account = operator_key.account;
    c->d.delivery_id = c->did;
    c->d.stamp = "test";
    c->d.shared = &c->shared;
    c->d.mails = c->mails;
    c->d.nmails = 2;
}


static void
test_deliver(void **state)
{
    int            i;
    char           first[37];
    case_t         c;
    const char    *a = operator_key.account;
    jm_delivered_t r[2];

    make_case(&c);
    setup_address(a, "one@x.test", c.address[0]);
    setup_address(a, "two@x.test", c.address[1]);

    assert_int_equal(jm_store_deliver(backend, &c.d, r), JM_STORE_OK);

    for (i = 0; i < 2; i++) {
        assert_int_equal(r[i].gone, 0);
        assert_string_equal(r[i].id, c.rendered[i].id);
        assert_int_equal(number_of("raw", a, r[i].id), LARGE);
        assert_int_equal(number_of("html", a, r[i].id), 300 * 1024);
    }

    assert_int_equal(number_of("emails", a, NULL), 2);

    /* The same delivery again, as a retry makes it: with new ids. */

    memcpy(first, r[0].id, sizeof(first));
    jm_uuid7(jm_now_ms(), c.rendered[0].id);
    jm_uuid7(jm_now_ms(), c.rendered[1].id);
    assert_int_equal(jm_store_deliver(backend, &c.d, r), JM_STORE_OK);
    assert_string_equal(r[0].id, first);
    assert_int_equal(number_of("raw", a, c.rendered[0].id), 0);
    assert_int_equal(number_of("raw", a, first), LARGE);
    assert_int_equal(number_of("emails", a, NULL), 2);

    /* One of the addresses is gone. */

    jm_delivery_id(c.did);
    jm_uuid7(jm_now_ms(), c.address[1]);
    assert_int_equal(jm_store_deliver(backend, &c.d, r), JM_STORE_OK);
    assert_string_equal(r[0].id, c.rendered[0].id);
    assert_int_equal(r[1].gone, 1);
    assert_int_equal(number_of("raw", a, c.rendered[1].id), 0);
}


static void
test_refused(void **state)
{
    case_t           c;
    const char      *a = operator_key.account;
    jm_delivered_t   r[2];
    jm_store_reply_t reply;

    make_case(&c);
    setup_address(a, "three@x.test", c.address[0]);
    c.d.nmails = 1;

    jm_store_call(all, &reply, "CONFIG SET maxmemory 1");
    assert_int_equal(jm_store_deliver(backend, &c.d, r), JM_STORE_FULL);
    jm_store_call(all, &reply, "CONFIG SET maxmemory 0");

    /* The connection is still in step. */
    assert_int_equal(jm_store_ping(backend), JM_STORE_OK);

    c.d.delivery_id = "short";
    assert_int_equal(jm_store_deliver(backend, &c.d, r), JM_STORE_REFUSED);
    assert_non_null(strstr(jm_store_error(backend), "bad did"));
    assert_int_equal(number_of("raw", a, c.rendered[0].id), 0);

    c.d.delivery_id = c.did;
    assert_int_equal(jm_store_deliver(backend, &c.d, r), JM_STORE_OK);

    /* An answer that is none of ours: it may be stored for all we know. */

    jm_uuid7(jm_now_ms(), c.rendered[0].id);
    assert_int_equal(jm_store_load(all, jm_str("#!lua name=" JM_LIBRARY "\n"
                                               "redis.register_function("
                                               "'jm_email_deliver', function()"
                                               " return {'WHAT'} end)")),
                     JM_STORE_OK);
    assert_int_equal(jm_store_deliver(backend, &c.d, r), JM_STORE_REFUSED);
    assert_int_equal(number_of("raw", a, c.rendered[0].id), LARGE);
    assert_int_equal(jm_store_load(all, read_library()), JM_STORE_OK);

    jm_delivery_id(c.did);
    assert_int_equal(jm_store_deliver(backend, &c.d, r), JM_STORE_OK);
}


static void
test_reaper(void **state)
{
    int              i, status;
    char             id[37];
    pid_t            pid;
    case_t           c;
    jm_str_t         account;
    jm_conf_t        conf;
    const char      *a = operator_key.account;
    jm_delivered_t   r[2];
    jm_store_reply_t reply;

    memset(&conf, 0, sizeof(conf));
    conf.redis = redis_socket;
    conf.passwords = dir;
    conf.user = "nobody";

    make_case(&c);
    setup_address(a, "reap@x.test", c.address[0]);
    c.d.nmails = 1;
    assert_int_equal(jm_store_deliver(backend, &c.d, r), JM_STORE_OK);
    memcpy(id, c.address[0], sizeof(id));

    account.data = (u_char *) a;
    account.len = JM_ACCOUNT_LEN;

    jm_store_call(all, &reply, "FCALL jm_address_delete 1 jm:{%s} %s %s", a,
                  operator_key.hash, id);
    assert_true(jm_store_is(&reply, 0, "OK"));
    jm_store_call(all, &reply, "ZADD jm:expire:%u 0 address:%s:%s",
                  jm_shard(account), a, id);
    jm_store_call(all, &reply, "ZADD jm:expire:%u 0 junk", jm_shard(account));

    pid = fork();

    if (pid == 0) {
        _exit(jm_reaper_run(&conf));
    }

    for (i = 0; i < 1200; i++) {
        rest(50);
        jm_store_call(all, &reply, "EXISTS jm:{%s}:addr:%s", a, id);
        if (reply.values[0].number == 0) {
            break;
        }
    }

    assert_int_equal(reply.values[0].number, 0);
    assert_int_equal(number_of("raw", a, r[0].id), 0);
    jm_store_call(all, &reply, "HMGET jm:route:{reap@x.test} owner account");
    assert_int_equal(reply.values[0].text.len, JM_HASH_LEN);
    assert_null(reply.values[1].text.data);

    /* The whole account. */

    jm_store_call(all, &reply, "FCALL jm_account_delete 1 jm:{%s} %s", a,
                  operator_key.hash);
    jm_store_call(all, &reply, "FCALL jm_due_add 1 jm:expire:%u account:%s 0",
                  jm_shard(account), a);

    for (i = 0; i < 1200; i++) {
        rest(50);
        jm_store_call(all, &reply, "EXISTS jm:{%s} jm:{%s}:keys", a, a);
        if (reply.values[0].number == 0) {
            break;
        }
    }

    assert_int_equal(reply.values[0].number, 0);

    for (i = 0; i < 1200; i++) {
        rest(50);
        jm_store_call(all, &reply, "KEYS jm:{%s}:*:0*-*", a);
        if (reply.nvalues == 0) {
            break;
        }
    }

    assert_int_equal(reply.nvalues, 0);
    jm_store_call(all, &reply, "KEYS jm:lock:*");
    assert_int_equal(reply.nvalues, 0);

    kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}


/* Last: Redis stops answering, and ends. */
static void
test_down(void **state)
{
    int              status;
    case_t           c;
    jm_store_t      *store;
    jm_delivered_t   r[2];
    jm_store_reply_t reply;

    make_case(&c);
    store = open_as("backend", 200);
    assert_non_null(store);

    kill(redis_pid, SIGSTOP);
    assert_int_equal(jm_store_ping(store), JM_STORE_DOWN);
    assert_non_null(strstr(jm_store_error(store), "200 ms"));
    assert_int_equal(jm_store_deliver(store, &c.d, r), JM_STORE_DOWN);
    jm_store_close(store);
    assert_null(open_as("backend", 200));
    kill(redis_pid, SIGCONT);

    kill(redis_pid, SIGKILL);
    waitpid(redis_pid, &status, 0);
    assert_int_equal(jm_store_deliver(backend, &c.d, r), JM_STORE_DOWN);
    assert_int_equal(jm_store_ping(backend), JM_STORE_DOWN);
    assert_int_equal(jm_store_call(all, &reply, "PING"), JM_STORE_DOWN);
    assert_null(open_as("backend", 200));

    start_redis();
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_admin),   cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_deliver), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_reaper),  cmocka_unit_test(test_down),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
