/*
 * The operator's command line:
 *
 *   junkmaild domain add|set <domain> [--postmaster <account> |
 *                    --key-file <path>] [--policy closed|catch-all|pattern]
 *                    [--catch-all <account>] [--patterns <globs>]
 *   junkmaild domain list
 *   junkmaild domain show|remove <domain>
 *   junkmaild account add [--key-file <path>]
 *   junkmaild account list
 *   junkmaild account show|remove <account>
 *   junkmaild account set <account> [--emails <n>] [--bytes <n>]
 *                    [--addresses <n>] [--address-emails <n>]
 *                    [--address-bytes <n>]
 *   junkmaild key add <account> --name <name> [--scopes <scopes>]
 *                    [--expires <seconds>] [--key-file <path>]
 *   junkmaild key list <account>
 *   junkmaild key remove <account> <key id>
 *
 * With --json, those that show something print JSON.
 *
 * Called by main.c; the domains are admin_domain.c's, accounts and their keys
 * admin_account.c's.  Exit code 0: done, or
 * done before; 1: it could not be done; 2: it was not understood.  What was
 * asked for goes to stdout, what went wrong to stderr.
 */

#include "admin.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "admin_private.h"
#include "clock.h"
#include "jm_id.h"
#include "jm_schema.h"

#define JM_ADMIN_TIMEOUT                                                      \
    5000 /* ms: to connect, for a reply, for the library */

/* The options that a command knows. */
#define JM_ADMIN_POSTMASTER 1
#define JM_ADMIN_KEY_FILE   2
#define JM_ADMIN_POLICY     4
#define JM_ADMIN_QUOTA      8
#define JM_ADMIN_KEY        16
#define JM_ADMIN_JSON       32
#define JM_ADMIN_DOMAIN                                                       \
    (JM_ADMIN_POSTMASTER | JM_ADMIN_KEY_FILE | JM_ADMIN_POLICY)

typedef struct {
    const char *object;
    const char *verb;
    unsigned    operands; /* takes so many */
    unsigned    options;
    int (*run)(jm_admin_t *admin);
} jm_admin_command_t;

typedef struct {
    const char *name;
    unsigned    bit;
    size_t      offset; /* of its value in jm_admin_t */
} jm_admin_option_t;

static int jm_admin_options(jm_admin_t *admin, const jm_admin_command_t *cmd,
                            int argc, char **argv);
static const jm_admin_option_t *jm_admin_option(const jm_admin_command_t *cmd,
                                                const char *name);
static jm_store_t              *jm_admin_open(const jm_conf_t *conf);

static const jm_admin_command_t jm_admin_commands[] = {
    { "domain", "add", 1, JM_ADMIN_DOMAIN, jm_admin_domain_add },
    { "domain", "set", 1, JM_ADMIN_DOMAIN, jm_admin_domain_set },
    { "domain", "show", 1, JM_ADMIN_JSON, jm_admin_domain_show },
    { "domain", "list", 0, JM_ADMIN_JSON, jm_admin_domain_list },
    { "domain", "remove", 1, 0, jm_admin_domain_remove },
    { "account", "add", 0, JM_ADMIN_KEY_FILE | JM_ADMIN_JSON,
      jm_admin_account_add },
    { "account", "list", 0, JM_ADMIN_JSON, jm_admin_account_list },
    { "account", "show", 1, JM_ADMIN_JSON, jm_admin_account_show },
    { "account", "set", 1, JM_ADMIN_QUOTA | JM_ADMIN_JSON,
      jm_admin_account_set },
    { "account", "remove", 1, 0, jm_admin_account_remove },
    { "key", "add", 1, JM_ADMIN_KEY | JM_ADMIN_KEY_FILE | JM_ADMIN_JSON,
      jm_admin_key_add },
    { "key", "list", 1, JM_ADMIN_JSON, jm_admin_key_list },
    { "key", "remove", 2, 0, jm_admin_key_remove },
    { NULL, NULL, 0, 0, NULL }
};

static const jm_admin_option_t jm_admin_known[] = {
    { "--postmaster", JM_ADMIN_POSTMASTER, offsetof(jm_admin_t, postmaster) },
    { "--key-file", JM_ADMIN_KEY_FILE, offsetof(jm_admin_t, key_file) },
    { "--policy", JM_ADMIN_POLICY, offsetof(jm_admin_t, policy) },
    { "--catch-all", JM_ADMIN_POLICY, offsetof(jm_admin_t, catch_all) },
    { "--patterns", JM_ADMIN_POLICY, offsetof(jm_admin_t, patterns) },
    { "--emails", JM_ADMIN_QUOTA, offsetof(jm_admin_t, quota[0]) },
    { "--bytes", JM_ADMIN_QUOTA, offsetof(jm_admin_t, quota[1]) },
    { "--addresses", JM_ADMIN_QUOTA, offsetof(jm_admin_t, quota[2]) },
    { "--address-emails", JM_ADMIN_QUOTA, offsetof(jm_admin_t, quota[3]) },
    { "--address-bytes", JM_ADMIN_QUOTA, offsetof(jm_admin_t, quota[4]) },
    { "--name", JM_ADMIN_KEY, offsetof(jm_admin_t, name) },
    { "--scopes", JM_ADMIN_KEY, offsetof(jm_admin_t, scopes) },
    { "--expires", JM_ADMIN_KEY, offsetof(jm_admin_t, expires) },
    { NULL, 0, 0 }
};

static const char jm_admin_usage[] =
    "usage: junkmaild [-c file] domain add|set <domain>\n"
    "           [--postmaster <account> | --key-file <path>]\n"
    "           [--policy closed|catch-all|pattern] [--catch-all <account>]\n"
    "           [--patterns <globs>]\n"
    "       junkmaild [-c file] domain list [--json]\n"
    "       junkmaild [-c file] domain show <domain> [--json]\n"
    "       junkmaild [-c file] domain remove <domain>\n"
    "       junkmaild [-c file] account add [--key-file <path>] [--json]\n"
    "       junkmaild [-c file] account list [--json]\n"
    "       junkmaild [-c file] account show <account> [--json]\n"
    "       junkmaild [-c file] account set <account> [--emails <n>]\n"
    "           [--bytes <n>] [--addresses <n>] [--address-emails <n>]\n"
    "           [--address-bytes <n>] [--json]\n"
    "       junkmaild [-c file] account remove <account>\n"
    "       junkmaild [-c file] key add <account> --name <name>\n"
    "           [--scopes <scopes>] [--expires <seconds>]\n"
    "           [--key-file <path>] [--json]\n"
    "       junkmaild [-c file] key list <account> [--json]\n"
    "       junkmaild [-c file] key remove <account> <key id>\n";


int
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


int
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
    int                      i;
    unsigned                 n;
    const char             **value;
    const jm_admin_option_t *option;

    n = 0;

    for (i = 0; i < argc; i++) {

        if ((cmd->options & JM_ADMIN_JSON) && strcmp(argv[i], "--json") == 0) {
            admin->json = 1;
            continue;
        }

        option = jm_admin_option(cmd, argv[i]);

        if (option != NULL) {
            value = (const char **) ((char *) admin + option->offset);
            i++;

        } else if (n < cmd->operands && argv[i][0] != '-') {
            value = n++ == 0 ? &admin->operand : &admin->second;

        } else {
            return -1;
        }

        if (i == argc || *value != NULL) {
            return -1;
        }

        *value = argv[i];
    }

    if (n != cmd->operands) {
        return -1;
    }

    return (admin->postmaster != NULL && admin->key_file != NULL) ? -1 : 0;
}


static const jm_admin_option_t *
jm_admin_option(const jm_admin_command_t *cmd, const char *name)
{
    const jm_admin_option_t *option;

    for (option = jm_admin_known; option->name != NULL; option++) {
        if ((cmd->options & option->bit) && strcmp(option->name, name) == 0) {
            return option;
        }
    }

    return NULL;
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


int
jm_admin_account(jm_admin_t *admin, const char *id,
                 char account[JM_ACCOUNT_LEN + 1])
{
    jm_store_reply_t reply;

    if (strlen(id) != JM_ACCOUNT_LEN
        || strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz"
                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
               != JM_ACCOUNT_LEN)
    {
        return jm_admin_fail("\"%s\" is not an account's id", id);
    }

    memcpy(account, id, JM_ACCOUNT_LEN + 1);

    if (jm_store_call(admin->store, &reply, "HMGET " JM_KEY_ACCOUNT " state",
                      account)
        != JM_STORE_OK)
    {
        return jm_admin_store_failed(admin);
    }

    if (!jm_store_is(&reply, 0, "active")) {
        return jm_admin_fail("there is no account %s", account);
    }

    return 0;
}


int
jm_admin_key_file(jm_admin_t *admin, const char *path,
                  char account[JM_ACCOUNT_LEN + 1])
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

        return 1;
    }

    fclose(file);

    text.data = (u_char *) line;
    text.len = strcspn(line, "\r\n");

    if (jm_key_parse(text, &key) != 0) {
        return jm_admin_fail("%s: not an API key", path);
    }

    return jm_admin_account(admin, key.account, account);
}
