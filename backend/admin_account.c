/*
 * Accounts and their keys on the operator's command line.  Called by admin.c;
 * what the functions do is told in store/account.lua and store/key.lua.  The
 * store answers in the API's JSON: with --json it is printed as it is, for
 * people field by field.
 */

#define _GNU_SOURCE /* mkostemp */

#include "admin_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "clock.h"
#include "jm_id.h"
#include "jm_schema.h"

#define JM_ADMIN_PAGE    500   /* entries asked for at once */
#define JM_ADMIN_PENDING 60000 /* ms until a new account is looked after */
#define JM_ADMIN_SCOPES  "emails:read emails:write"

/* A secret that is about to be told. */
typedef struct {
    char     id[JM_UUID_LEN + 1]; /* of the key */
    char     text[JM_KEY_LEN + 1];
    char     path[4096]; /* of the file it waits in */
    jm_key_t key;
} jm_admin_secret_t;

static int jm_admin_secret(jm_admin_t *admin, jm_admin_secret_t *secret,
                           const char *account, unsigned first);
static int jm_admin_tell(jm_admin_t *admin, jm_admin_secret_t *secret, int rc);
static int jm_admin_keep(const char *name, jm_admin_secret_t *secret);
static int jm_admin_new_account(jm_admin_t              *admin,
                                const jm_admin_secret_t *secret);
static int jm_admin_new_key(jm_admin_t *admin, const jm_admin_secret_t *secret,
                            const char *scopes, const char *expires);
static int jm_admin_shard_accounts(jm_admin_t *admin, unsigned shard,
                                   size_t *n);
static int jm_admin_list_account(jm_admin_t *admin, const char *account,
                                 size_t *n);
static int jm_admin_ask(jm_admin_t *admin, const char *function);
static int jm_admin_show(jm_admin_t *admin, const jm_store_reply_t *reply);
static int jm_admin_due(jm_admin_t *admin, const char *account, int64_t when);
static int jm_admin_refused(const jm_store_reply_t *reply, const char *what);
static int jm_admin_number(const char *text);

static void jm_admin_print_json(const cJSON *json, const char *prefix);


int
jm_admin_account_add(jm_admin_t *admin)
{
    int               rc;
    char              account[JM_ACCOUNT_LEN + 1];
    jm_admin_secret_t secret;

    if (jm_account_make(account) != 0) {
        return jm_admin_fail("no random numbers: %s", strerror(errno));
    }

    rc = jm_admin_secret(admin, &secret, account, 1);
    if (rc != 0) {
        return rc;
    }

    return jm_admin_tell(admin, &secret, jm_admin_new_account(admin, &secret));
}


/*
 * The key is in a file before the store knows it, and the file gets its name
 * only once it does: neither an account without its key nor a key that opens
 * nothing is left behind.
 */
static int
jm_admin_secret(jm_admin_t *admin, jm_admin_secret_t *secret,
                const char *account, unsigned first)
{
    if (jm_uuid7(jm_now_ms(), secret->id) != 0
        || jm_key_make(account, first, secret->text, &secret->key) != 0)
    {
        return jm_admin_fail("no random numbers: %s", strerror(errno));
    }

    return admin->key_file != NULL ? jm_admin_keep(admin->key_file, secret)
                                   : 0;
}


/* `rc` is how the store took it.  The exit code. */
static int
jm_admin_tell(jm_admin_t *admin, jm_admin_secret_t *secret, int rc)
{
    if (admin->key_file != NULL) {
        if (rc == 0 && link(secret->path, admin->key_file) != 0) {
            rc = jm_admin_fail("the key is in %s: %s: %s", secret->path,
                               admin->key_file, strerror(errno));
        } else {
            (void) unlink(secret->path);
        }
    }

    if (rc == 0 && admin->json) {
        printf("{\"account\":\"%s\",\"id\":\"%s\"", secret->key.account,
               secret->id);

        if (admin->key_file == NULL) {
            printf(",\"key\":\"%s\"", secret->text);
        }

        puts("}");

    } else if (rc == 0) {
        printf("account %s\n", secret->key.account);
        printf(admin->key_file != NULL ? "key     in %s\n" : "key     %s\n",
               admin->key_file != NULL ? admin->key_file : secret->text);
    }

    explicit_bzero(secret, sizeof(jm_admin_secret_t));

    return rc;
}


/* Writes the key to a new file beside `name`, mode 0600.  The exit code. */
static int
jm_admin_keep(const char *name, jm_admin_secret_t *secret)
{
    int   fd, failed;
    char *path = secret->path;

    if (access(name, F_OK) == 0) {
        return jm_admin_fail("%s exists already", name);
    }

    if ((size_t) snprintf(path, sizeof(secret->path), "%s.XXXXXX", name)
        >= sizeof(secret->path))
    {
        return jm_admin_fail("%s: %s", name, strerror(ENAMETOOLONG));
    }

    fd = mkostemp(path, O_CLOEXEC);
    if (fd == -1) {
        return jm_admin_fail("%s: %s", path, strerror(errno));
    }

    failed = dprintf(fd, "%s\n", secret->text) != JM_KEY_LEN + 1
             || fsync(fd) != 0;

    if (close(fd) != 0 || failed) {
        (void) unlink(path);
        return jm_admin_fail("%s: %s", path, strerror(errno));
    }

    return 0;
}


static int
jm_admin_new_account(jm_admin_t *admin, const jm_admin_secret_t *secret)
{
    int              rc;
    jm_store_reply_t reply;

    /* What is due comes first, so that the reaper never misses an account. */

    rc = jm_admin_due(admin, secret->key.account,
                      jm_now_ms() + JM_ADMIN_PENDING);
    if (rc != 0) {
        return rc;
    }

    if (jm_store_call(admin->store, &reply,
                      "FCALL jm_account_create 1 " JM_KEY_ACCOUNT " %s %s",
                      secret->key.account, secret->key.hash, secret->id)
        != JM_STORE_OK)
    {
        return jm_admin_store_failed(admin);
    }

    return jm_admin_refused(&reply, "the account");
}


/* Every account is looked after daily: so they are all among what is due. */
int
jm_admin_account_list(jm_admin_t *admin)
{
    int      rc;
    size_t   n;
    unsigned shard;

    rc = 0;
    n = 0;

    for (shard = 0; shard < JM_SHARDS && rc == 0; shard++) {
        rc = jm_admin_shard_accounts(admin, shard, &n);
    }

    if (rc == 0 && admin->json) {
        puts(n == 0 ? "[]" : "]");
    }

    return rc;
}


/* `*n` counts those printed.  The list is copied page by page: a reply lives
   only until the next call. */
static int
jm_admin_shard_accounts(jm_admin_t *admin, unsigned shard, size_t *n)
{
    int              rc;
    char             ids[JM_ADMIN_PAGE][JM_ACCOUNT_LEN + 1];
    size_t           i, found, page, first;
    jm_store_reply_t reply;

    first = 0;

    do {
        if (jm_store_call(admin->store, &reply,
                          "ZRANGE " JM_KEY_EXPIRE " %lld %lld", shard,
                          (long long) first,
                          (long long) first + JM_ADMIN_PAGE - 1)
            != JM_STORE_OK)
        {
            return jm_admin_store_failed(admin);
        }

        page = reply.nvalues;
        found = 0;

        for (i = 0; i < page && i < JM_ADMIN_PAGE; i++) {
            if (sscanf((char *) reply.values[i].text.data, "account:%22s",
                       ids[found])
                == 1)
            {
                found++;
            }
        }

        for (i = 0; i < found; i++) {
            rc = jm_admin_list_account(admin, ids[i], n);
            if (rc != 0) {
                return rc;
            }
        }

        first += page;

    } while (page == JM_ADMIN_PAGE);

    return 0;
}


static int
jm_admin_list_account(jm_admin_t *admin, const char *account, size_t *n)
{
    jm_store_reply_t reply;

    if (jm_store_call(admin->store, &reply,
                      "FCALL_RO jm_operator_account_get 1 " JM_KEY_ACCOUNT,
                      account)
        != JM_STORE_OK)
    {
        return jm_admin_store_failed(admin);
    }

    /* It has been deleted, or was never made. */

    if (!jm_store_is(&reply, 0, "OK") || reply.nvalues != 2) {
        return 0;
    }

    if (admin->json) {
        printf("%s%s", *n == 0 ? "[" : ",\n", reply.values[1].text.data);
    } else {
        puts(account);
    }

    (*n)++;

    return 0;
}


int
jm_admin_account_show(jm_admin_t *admin)
{
    return jm_admin_ask(admin, "jm_operator_account_get");
}


/* Prints what a function says of the account. */
static int
jm_admin_ask(jm_admin_t *admin, const char *function)
{
    int              rc;
    char             account[JM_ACCOUNT_LEN + 1];
    jm_store_reply_t reply;

    rc = jm_admin_account(admin, admin->operand, account);
    if (rc != 0) {
        return rc;
    }

    if (jm_store_call(admin->store, &reply, "FCALL_RO %s 1 " JM_KEY_ACCOUNT,
                      function, account)
        != JM_STORE_OK)
    {
        return jm_admin_store_failed(admin);
    }

    return jm_admin_show(admin, &reply);
}


int
jm_admin_account_set(jm_admin_t *admin)
{
    int              rc, given;
    char             account[JM_ACCOUNT_LEN + 1];
    size_t           i;
    const char      *quota[5];
    jm_store_reply_t reply;

    rc = jm_admin_account(admin, admin->operand, account);
    if (rc != 0) {
        return rc;
    }

    given = 0;

    for (i = 0; i < 5; i++) {
        quota[i] = admin->quota[i] != NULL ? admin->quota[i] : "";
        given += admin->quota[i] != NULL;

        if (admin->quota[i] != NULL && jm_admin_number(quota[i]) != 0) {
            return jm_admin_fail("\"%s\" is not a number", quota[i]);
        }
    }

    if (given == 0) {
        return jm_admin_fail("nothing to set");
    }

    if (jm_store_call(admin->store, &reply,
                      "FCALL jm_operator_account_update 1 " JM_KEY_ACCOUNT
                      " %s %s %s %s %s",
                      account, quota[0], quota[1], quota[2], quota[3],
                      quota[4])
        != JM_STORE_OK)
    {
        return jm_admin_store_failed(admin);
    }

    return jm_admin_show(admin, &reply);
}


int
jm_admin_account_remove(jm_admin_t *admin)
{
    int              rc;
    char             account[JM_ACCOUNT_LEN + 1];
    jm_store_reply_t reply;

    rc = jm_admin_account(admin, admin->operand, account);
    if (rc != 0) {
        return rc;
    }

    if (jm_store_call(admin->store, &reply,
                      "FCALL jm_operator_account_delete 1 " JM_KEY_ACCOUNT,
                      account)
        != JM_STORE_OK)
    {
        return jm_admin_store_failed(admin);
    }

    if (jm_store_is(&reply, 0, "ADDRESS_HELD")) {
        return jm_admin_fail("a domain's mail goes to account %s: give it to "
                             "another first (domain set)",
                             account);
    }

    rc = jm_admin_refused(&reply, "the account");

    if (rc == 0) {
        rc = jm_admin_due(admin, account, 0);
    }

    if (rc == 0) {
        printf("account %s removed\n", account);
    }

    return rc;
}


int
jm_admin_key_add(jm_admin_t *admin)
{
    int               rc;
    char              account[JM_ACCOUNT_LEN + 1], scopes[256], *p;
    const char       *expires;
    jm_admin_secret_t secret;

    rc = jm_admin_account(admin, admin->operand, account);
    if (rc != 0) {
        return rc;
    }

    if (admin->name == NULL || admin->name[0] == '\0') {
        return jm_admin_fail("a key needs a --name");
    }

    snprintf(scopes, sizeof(scopes), "%s",
             admin->scopes != NULL ? admin->scopes : JM_ADMIN_SCOPES);

    for (p = scopes; *p != '\0'; p++) {
        if (*p == ',') {
            *p = ' ';
        }
    }

    expires = admin->expires != NULL ? admin->expires : "0";

    if (jm_admin_number(expires) != 0) {
        return jm_admin_fail("\"%s\" is not a number of seconds", expires);
    }

    rc = jm_admin_secret(admin, &secret, account, 0);
    if (rc != 0) {
        return rc;
    }

    return jm_admin_tell(admin, &secret,
                         jm_admin_new_key(admin, &secret, scopes, expires));
}


static int
jm_admin_new_key(jm_admin_t *admin, const jm_admin_secret_t *secret,
                 const char *scopes, const char *expires)
{
    jm_store_reply_t reply;

    if (jm_store_call(admin->store, &reply,
                      "FCALL jm_operator_key_create 1 " JM_KEY_ACCOUNT
                      " %s %s %s %s %s",
                      secret->key.account, secret->key.hash, secret->id,
                      admin->name, scopes, expires)
        != JM_STORE_OK)
    {
        return jm_admin_store_failed(admin);
    }

    return jm_admin_refused(&reply, "the key");
}


int
jm_admin_key_list(jm_admin_t *admin)
{
    return jm_admin_ask(admin, "jm_operator_key_list");
}


int
jm_admin_key_remove(jm_admin_t *admin)
{
    int              rc;
    char             account[JM_ACCOUNT_LEN + 1];
    jm_str_t         id;
    jm_store_reply_t reply;

    rc = jm_admin_account(admin, admin->operand, account);
    if (rc != 0) {
        return rc;
    }

    id.data = (u_char *) admin->second;
    id.len = strlen(admin->second);

    if (!jm_uuid_valid(id)) {
        return jm_admin_fail("\"%s\" is not a key's id", admin->second);
    }

    if (jm_store_call(admin->store, &reply,
                      "FCALL jm_operator_key_delete 1 " JM_KEY_ACCOUNT " %s",
                      account, admin->second)
        != JM_STORE_OK)
    {
        return jm_admin_store_failed(admin);
    }

    rc = jm_admin_refused(&reply, "the key");

    if (rc == 0) {
        printf("key %s removed\n", admin->second);
    }

    return rc;
}


/* Prints the JSON that a function has answered. */
static int
jm_admin_show(jm_admin_t *admin, const jm_store_reply_t *reply)
{
    int          rc;
    cJSON       *json;
    const cJSON *item;
    const char  *text;

    rc = jm_admin_refused(reply, "the account");
    if (rc != 0) {
        return rc;
    }

    text = reply->nvalues == 2 ? (char *) reply->values[1].text.data : "null";

    if (admin->json) {
        puts(text);
        return 0;
    }

    json = cJSON_Parse(text);

    if (cJSON_IsArray(json)) {
        cJSON_ArrayForEach(item, json)
        {
            jm_admin_print_json(item, "");

            if (item->next != NULL) {
                putchar('\n');
            }
        }

    } else {
        jm_admin_print_json(json, "");
    }

    cJSON_Delete(json);

    return 0;
}


/* An object field by field; what is in an object inside goes by both names. */
static void
jm_admin_print_json(const cJSON *json, const char *prefix)
{
    char        *text;
    const cJSON *field;

    cJSON_ArrayForEach(field, json)
    {
        if (cJSON_IsObject(field)) {
            jm_admin_print_json(field, field->string);
            continue;
        }

        text = cJSON_IsString(field) ? strdup(field->valuestring)
                                     : cJSON_PrintUnformatted(field);

        printf("%s%s%-*s %s\n", prefix, prefix[0] != '\0' ? " " : "",
               prefix[0] != '\0' ? 12 : 18, field->string,
               text != NULL ? text : "");
        free(text);
    }
}


/* Has the reaper look at the account at `when`, Unix ms. */
static int
jm_admin_due(jm_admin_t *admin, const char *account, int64_t when)
{
    jm_str_t         a;
    jm_store_reply_t reply;

    a.data = (u_char *) account;
    a.len = JM_ACCOUNT_LEN;

    return jm_store_call(admin->store, &reply,
                         "FCALL jm_due_add 1 " JM_KEY_EXPIRE
                         " account:%s %lld",
                         jm_shard(a), account, (long long) when)
                   == JM_STORE_OK
               ? 0
               : jm_admin_store_failed(admin);
}


/* 0 for OK, or 1 after telling what the function said instead. */
static int
jm_admin_refused(const jm_store_reply_t *reply, const char *what)
{
    if (jm_store_is(reply, 0, "OK")) {
        return 0;
    }

    return jm_admin_fail("%s: %s", what, reply->values[0].text.data);
}


/* A decimal number as the store takes it. */
static int
jm_admin_number(const char *text)
{
    size_t len;

    len = strlen(text);

    return len >= 1 && len <= 12 && strspn(text, "0123456789") == len ? 0 : -1;
}
