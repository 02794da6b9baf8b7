/*
 * The operator's command line:
 *
 *   junkmaild domain add <domain> [--account <id> | --key-file <path>]
 *   junkmaild domain list
 *   junkmaild domain remove <domain>
 *   junkmaild account add [--key-file <path>]
 *
 * Called by main.c.  Exit code 0: done, or done before; 1: it could not be
 * done; 2: it was not understood.  What was asked for goes to stdout, what
 * went wrong to stderr.
 */

#define _GNU_SOURCE /* mkostemp */

#include "admin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "jm_address.h"
#include "jm_id.h"
#include "jm_key.h"
#include "jm_schema.h"
#include "store_call.h"

#define JM_ADMIN_TIMEOUT                                                      \
    5000 /* ms: to connect, for a reply, for the library */
#define JM_ADMIN_PENDING 60000 /* ms until a half-made address is undone */

typedef struct {
    jm_store_t *store;
    const char *operand;  /* the domain */
    const char *account;  /* --account */
    const char *key_file; /* --key-file */
} jm_admin_t;

typedef struct {
    const char *object;
    const char *verb;
    unsigned    operand : 1; /* takes one */
    unsigned    account : 1; /* knows --account */
    unsigned    key_file : 1;
    int (*run)(jm_admin_t *admin);
} jm_admin_command_t;

static int jm_admin_options(jm_admin_t *admin, const jm_admin_command_t *cmd,
                            int argc, char **argv);
static jm_store_t *jm_admin_open(const jm_conf_t *conf);
static int         jm_admin_domain_add(jm_admin_t *admin);
static int         jm_admin_domain_list(jm_admin_t *admin);
static int         jm_admin_domain_remove(jm_admin_t *admin);
static int         jm_admin_account_add(jm_admin_t *admin);
static int         jm_admin_owner(jm_admin_t *admin, char *account);
static int         jm_admin_key_file(const char *path, char *account);
static int         jm_admin_address(jm_admin_t *admin, const char *account,
                                    const char *alias);
static int jm_admin_make_address(jm_admin_t *admin, const char *account,
                                 const char *alias, const char *address);
static int jm_admin_confirm(jm_admin_t *admin, const char *account,
                            const char *id);
static int jm_admin_keep_key(const char *name, const char *text, char *path,
                             size_t size);
static int jm_admin_new_account(jm_admin_t *admin, const jm_key_t *key);

static const jm_admin_command_t jm_admin_commands[] = {
    { "domain", "add", 1, 1, 1, jm_admin_domain_add },
    { "domain", "list", 0, 0, 0, jm_admin_domain_list },
    { "domain", "remove", 1, 0, 0, jm_admin_domain_remove },
    { "account", "add", 0, 0, 1, jm_admin_account_add },
    { NULL, NULL, 0, 0, 0, NULL }
};

/* RFC 2142 asks a mail domain to have these. */
static const char *const jm_admin_aliases[] = { "postmaster", "abuse", NULL };

static const char jm_admin_usage[] =
    "usage: junkmaild [-c file] domain add <domain>"
    " [--account <id> | --key-file <path>]\n"
    "       junkmaild [-c file] domain list\n"
    "       junkmaild [-c file] domain remove <domain>\n"
    "       junkmaild [-c file] account add [--key-file <path>]\n";


static int __attribute__((format(printf, 1, 2)))
jm_admin_fail(const char *format, ...)
{
    va_list args;

    fputs("junkmaild: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);

    return 1;
}


/* The store has refused, or is away. */
static int
jm_admin_store_failed(jm_admin_t *admin)
{
    return jm_admin_fail("Redis: %s", jm_store_error(admin->store));
}


int
jm_admin(const jm_conf_t *conf, int argc, char **argv)
{
    int                       rc;
    jm_admin_t                admin;
    const jm_admin_command_t *cmd;

    memset(&admin, 0, sizeof(admin));

    for (cmd = jm_admin_commands; cmd->object != NULL; cmd++) {
        if (argc >= 2 && strcmp(cmd->object, argv[0]) == 0
            && strcmp(cmd->verb, argv[1]) == 0)
        {
            break;
        }
    }

    if (cmd->object == NULL
        || jm_admin_options(&admin, cmd, argc - 2, argv + 2) != 0)
    {
        fputs(jm_admin_usage, stderr);
        return 2;
    }

    admin.store = jm_admin_open(conf);
    if (admin.store == NULL) {
        return 1;
    }

    rc = cmd->run(&admin);

    jm_store_close(admin.store);

    if (fflush(stdout) != 0) {
        return jm_admin_fail("cannot write: %s", strerror(errno));
    }

    return rc;
}


/* 0, or -1 when the command is not called like that. */
static int
jm_admin_options(jm_admin_t *admin, const jm_admin_command_t *cmd, int argc,
                 char **argv)
{
    int          i;
    const char **value;

    for (i = 0; i < argc; i++) {

        if (cmd->account && strcmp(argv[i], "--account") == 0) {
            value = &admin->account;
            i++;

        } else if (cmd->key_file && strcmp(argv[i], "--key-file") == 0) {
            value = &admin->key_file;
            i++;

        } else if (cmd->operand && argv[i][0] != '-') {
            value = &admin->operand;

        } else {
            return -1;
        }

        if (i == argc || *value != NULL) {
            return -1;
        }

        *value = argv[i];
    }

    if (cmd->operand && admin->operand == NULL) {
        return -1;
    }

    return (admin->account != NULL && admin->key_file != NULL) ? -1 : 0;
}


/*
 * Connects as admin.  At the very first start the supervisor may still be
 * about to load the function library: that is waited for.
 */
static jm_store_t *
jm_admin_open(const jm_conf_t *conf)
{
    char              path[1100], err[600];
    int64_t           end;
    jm_store_t       *store;
    jm_store_conf_t   sc;
    struct timespec   pause = { 0, 50 * 1000 * 1000 };
    jm_store_status_t status;

    snprintf(path, sizeof(path), "%s/admin.password", conf->passwords);

    sc.redis = conf->redis;
    sc.user = "admin";
    sc.password_file = path;
    sc.timeout_ms = JM_ADMIN_TIMEOUT;

    store = jm_store_open(&sc, err, sizeof(err));
    if (store == NULL) {
        jm_admin_fail("%s", err);
        return NULL;
    }

    end = jm_ticks_ms() + JM_ADMIN_TIMEOUT;
    status = jm_store_ping(store);

    while (status == JM_STORE_REFUSED && jm_ticks_ms() < end) {
        nanosleep(&pause, NULL);
        status = jm_store_ping(store);
    }

    if (status != JM_STORE_OK) {
        jm_admin_fail("Redis: %s", jm_store_error(store));
        jm_store_close(store);
        return NULL;
    }

    return store;
}


/* Writes the operand as it is stored.  0, or -1 when it is no domain. */
static int
jm_admin_domain(const jm_admin_t *admin, char domain[JM_DOMAIN_MAX + 1])
{
    ssize_t  len;
    jm_str_t text;

    text.data = (u_char *) admin->operand;
    text.len = strlen(admin->operand);

    len = jm_domain_key(text, (u_char *) domain);
    if (len < 0) {
        return -1;
    }

    domain[len] = '\0';

    return 0;
}


static int
jm_admin_domain_add(jm_admin_t *admin)
{
    int              i, rc;
    char             domain[JM_DOMAIN_MAX + 1];
    char             account[JM_ACCOUNT_LEN + 1];
    jm_store_reply_t reply;

    if (jm_admin_domain(admin, domain) != 0) {
        return jm_admin_fail("\"%s\" is not a domain", admin->operand);
    }

    if (jm_admin_owner(admin, account) != 0) {
        return 1;
    }

    admin->operand = domain;

    if (jm_store_call(admin->store, &reply,
                      "HSET jm:domain:{%s} policy closed state active", domain)
            != JM_STORE_OK
        || jm_store_call(admin->store, &reply, "ZADD jm:domains NX %lld %s",
                         (long long) jm_now_ms(), domain)
               != JM_STORE_OK)
    {
        return jm_admin_store_failed(admin);
    }

    printf("%s %s\n", domain,
           reply.values[0].number != 0 ? "added" : "is already there");

    for (i = 0, rc = 0; jm_admin_aliases[i] != NULL && rc == 0; i++) {
        if (account[0] != '\0') {
            rc = jm_admin_address(admin, account, jm_admin_aliases[i]);
        }
    }

    return rc;
}


/*
 * The account that the options name, which must exist; empty if none is
 * named.  0, or -1 after telling why not.
 */
static int
jm_admin_owner(jm_admin_t *admin, char *account)
{
    jm_str_t         key;
    jm_store_reply_t reply;

    account[0] = '\0';

    if (admin->key_file != NULL) {
        if (jm_admin_key_file(admin->key_file, account) != 0) {
            return -1;
        }

    } else if (admin->account != NULL) {
        key.data = (u_char *) admin->account;
        key.len = strlen(admin->account);

        if (key.len != JM_ACCOUNT_LEN
            || strspn(admin->account, "0123456789abcdefghijklmnopqrstuvwxyz"
                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
                   != key.len)
        {
            jm_admin_fail("\"%s\" is not an account's id", admin->account);
            return -1;
        }

        memcpy(account, admin->account, JM_ACCOUNT_LEN + 1);

    } else {
        return 0;
    }

    if (jm_store_call(admin->store, &reply, "HMGET " JM_KEY_ACCOUNT " state",
                      account)
        != JM_STORE_OK)
    {
        jm_admin_store_failed(admin);
        return -1;
    }

    if (!jm_store_is(&reply, 0, "active")) {
        jm_admin_fail("there is no account %s", account);
        return -1;
    }

    return 0;
}


/* The account of the key that is the file's first line. */
static int
jm_admin_key_file(const char *path, char *account)
{
    char     line[JM_KEY_LEN + 3];
    FILE    *file;
    jm_str_t text;
    jm_key_t key;

    file = fopen(path, "re");

    if (file == NULL || fgets(line, sizeof(line), file) == NULL) {
        jm_admin_fail("%s: %s", path, file ? "empty" : strerror(errno));

        if (file != NULL) {
            fclose(file);
        }

        return -1;
    }

    fclose(file);

    text.data = (u_char *) line;
    text.len = strcspn(line, "\r\n");

    if (jm_key_parse(text, &key) != 0) {
        jm_admin_fail("%s: not an API key", path);
        return -1;
    }

    memcpy(account, key.account, JM_ACCOUNT_LEN + 1);

    return 0;
}


/* Sees to it that the account has <alias>@<domain>.  The exit code. */
static int
jm_admin_address(jm_admin_t *admin, const char *account, const char *alias)
{
    int              rc;
    char             address[JM_KEY_ADDRESS_MAX + 1];
    char             id[JM_UUID_LEN + 1];
    jm_store_reply_t reply;

    snprintf(address, sizeof(address), "%s@%s", alias, admin->operand);

    if (jm_store_call(admin->store, &reply, "HMGET jm:route:{%s} account id",
                      address)
            != JM_STORE_OK
        || reply.nvalues != 2)
    {
        return jm_admin_store_failed(admin);
    }

    if (reply.values[0].text.len != 0 && !jm_store_is(&reply, 0, account)) {
        printf("%s belongs to another account\n", address);
        return 0;
    }

    rc = -1;

    if (reply.values[1].text.len == JM_UUID_LEN) {
        /* Ours already; if an earlier try was cut short, this completes it. */
        memcpy(id, reply.values[1].text.data, sizeof(id));
        rc = jm_admin_confirm(admin, account, id);
    }

    if (rc < 0) {
        rc = jm_admin_make_address(admin, account, alias, address);
    }

    if (rc == 0) {
        printf("%s belongs to account %s\n", address, account);
    }

    return rc;
}


/* The three steps that junkmail.lua describes at jm_address_create. */
static int
jm_admin_make_address(jm_admin_t *admin, const char *account,
                      const char *alias, const char *address)
{
    char             id[JM_UUID_LEN + 1], owner[JM_HASH_LEN + 1];
    int64_t          now;
    jm_str_t         a;
    jm_store_t      *store = admin->store;
    jm_store_reply_t reply;

    a.data = (u_char *) account;
    a.len = JM_ACCOUNT_LEN;
    jm_sha256_hex(a, owner);

    now = jm_now_ms();

    if (jm_uuid7(now, id) != 0) {
        return jm_admin_fail("no random numbers: %s", strerror(errno));
    }

    if (jm_store_call(store, &reply,
                      "FCALL jm_operator_address_create 1 " JM_KEY_ACCOUNT
                      " %s %s %s",
                      account, id, address, alias)
        != JM_STORE_OK)
    {
        return jm_admin_store_failed(admin);
    }

    if (!jm_store_is(&reply, 0, "OK")) {
        return jm_admin_fail("%s: %s", address, reply.values[0].text.data);
    }

    if (jm_store_call(
            store, &reply,
            "FCALL jm_due_add 1 " JM_KEY_EXPIRE " address:%s:%s %lld",
            jm_shard(a), account, id, (long long) now + JM_ADMIN_PENDING)
            != JM_STORE_OK
        || jm_store_call(store, &reply,
                         "FCALL jm_route_claim 1 jm:route:{%s} %s %s %s",
                         address, account, id, owner)
               != JM_STORE_OK)
    {
        return jm_admin_store_failed(admin);
    }

    if (!jm_store_is(&reply, 0, "OK")) {
        (void) jm_store_call(store, &reply,
                             "FCALL jm_address_drop 1 " JM_KEY_ACCOUNT " %s",
                             account, id);
        return jm_admin_fail("%s is, or was in the last 30 days, another"
                             " account's",
                             address);
    }

    if (jm_admin_confirm(admin, account, id) != 0) {
        return jm_admin_fail("%s cannot be made", address);
    }

    return 0;
}


/* 0; 1 after an error; -1 when there is no such address any more. */
static int
jm_admin_confirm(jm_admin_t *admin, const char *account, const char *id)
{
    jm_store_reply_t reply;

    if (jm_store_call(admin->store, &reply,
                      "FCALL jm_address_confirm 1 " JM_KEY_ACCOUNT " %s",
                      account, id)
        != JM_STORE_OK)
    {
        return jm_admin_store_failed(admin);
    }

    return jm_store_is(&reply, 0, "OK") ? 0 : -1;
}


static int
jm_admin_domain_list(jm_admin_t *admin)
{
    size_t           i;
    jm_store_reply_t reply;

    if (jm_store_call(admin->store, &reply, "ZRANGE jm:domains 0 -1")
        != JM_STORE_OK)
    {
        return jm_admin_store_failed(admin);
    }

    for (i = 0; i < reply.nvalues; i++) {
        printf("%s\n", reply.values[i].text.data);
    }

    return 0;
}


/* Its addresses stay, but RCPT knows the domain no more. */
static int
jm_admin_domain_remove(jm_admin_t *admin)
{
    char             domain[JM_DOMAIN_MAX + 1];
    jm_store_reply_t reply;

    if (jm_admin_domain(admin, domain) != 0) {
        return jm_admin_fail("\"%s\" is not a domain", admin->operand);
    }

    if (jm_store_call(admin->store, &reply, "DEL jm:domain:{%s}", domain)
            != JM_STORE_OK
        || jm_store_call(admin->store, &reply, "ZREM jm:domains %s", domain)
               != JM_STORE_OK)
    {
        return jm_admin_store_failed(admin);
    }

    if (reply.values[0].number == 0) {
        return jm_admin_fail("there is no domain %s", domain);
    }

    printf("%s removed\n", domain);

    return 0;
}


/*
 * The key is in a file before the account exists, and the file gets its name
 * only once it does: neither an account without its key nor a key that opens
 * nothing is left behind.
 */
static int
jm_admin_account_add(jm_admin_t *admin)
{
    int      rc;
    char     account[JM_ACCOUNT_LEN + 1], text[JM_KEY_LEN + 1], path[4096];
    jm_key_t key;

    if (jm_account_make(account) != 0
        || jm_key_make(account, 1, text, &key) != 0) {
        return jm_admin_fail("no random numbers: %s", strerror(errno));
    }

    if (admin->key_file != NULL) {
        rc = jm_admin_keep_key(admin->key_file, text, path, sizeof(path));
        if (rc != 0) {
            return rc;
        }
    }

    rc = jm_admin_new_account(admin, &key);

    if (admin->key_file != NULL) {
        if (rc == 0 && link(path, admin->key_file) != 0) {
            rc = jm_admin_fail("the account's key is in %s: %s: %s", path,
                               admin->key_file, strerror(errno));
        } else {
            (void) unlink(path);
        }
    }

    if (rc == 0) {
        printf("account %s\n", account);

        if (admin->key_file != NULL) {
            printf("key     in %s\n", admin->key_file);
        } else {
            printf("key     %s\n", text);
        }
    }

    explicit_bzero(text, sizeof(text));

    return rc;
}


/* Writes the key to a new file beside `name`, mode 0600.  The exit code. */
static int
jm_admin_keep_key(const char *name, const char *text, char *path, size_t size)
{
    int fd, failed;

    if (access(name, F_OK) == 0) {
        return jm_admin_fail("%s exists already", name);
    }

    if ((size_t) snprintf(path, size, "%s.XXXXXX", name) >= size) {
        return jm_admin_fail("%s: %s", name, strerror(ENAMETOOLONG));
    }

    fd = mkostemp(path, O_CLOEXEC);
    if (fd == -1) {
        return jm_admin_fail("%s: %s", path, strerror(errno));
    }

    failed = dprintf(fd, "%s\n", text) != JM_KEY_LEN + 1 || fsync(fd) != 0;

    if (close(fd) != 0 || failed) {
        (void) unlink(path);
        return jm_admin_fail("%s: %s", path, strerror(errno));
    }

    return 0;
}


static int
jm_admin_new_account(jm_admin_t *admin, const jm_key_t *key)
{
    char             id[JM_UUID_LEN + 1];
    jm_str_t         a;
    jm_store_reply_t reply;

    a.data = (u_char *) key->account;
    a.len = JM_ACCOUNT_LEN;

    if (jm_uuid7(jm_now_ms(), id) != 0) {
        return jm_admin_fail("no random numbers: %s", strerror(errno));
    }

    /* What is due comes first, so that the reaper never misses an account. */

    if (jm_store_call(admin->store, &reply,
                      "FCALL jm_due_add 1 " JM_KEY_EXPIRE " account:%s %lld",
                      jm_shard(a), key->account,
                      (long long) jm_now_ms() + JM_ADMIN_PENDING)
        != JM_STORE_OK)
    {
        return jm_admin_store_failed(admin);
    }

    if (jm_store_call(admin->store, &reply,
                      "FCALL jm_account_create 1 " JM_KEY_ACCOUNT " %s %s",
                      key->account, key->hash, id)
        != JM_STORE_OK)
    {
        return jm_admin_store_failed(admin);
    }

    if (!jm_store_is(&reply, 0, "OK")) {
        return jm_admin_fail("no account: %s", reply.values[0].text.data);
    }

    return 0;
}
