/*
 * Domains on the operator's command line: where mail for postmaster@ and
 * abuse@ goes, and what becomes of mail for an address that does not exist.
 * Called by admin.c; what a domain's record holds is told in store/model.lua.
 *
 * A change goes in this order, so that whatever cuts it short leaves a domain
 * whose mail has a place, and the same command completes it: the accounts get
 * the addresses that the mail is to go to; the domain's record names them;
 * the addresses that it named before are given back.
 */

#include "admin_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "clock.h"
#include "jm_address.h"
#include "jm_id.h"
#include "jm_idn.h"
#include "jm_schema.h"

#define JM_PATTERNS_MAX 16

/* An address of an account that a domain's mail goes to. */
typedef struct {
    char account[JM_ACCOUNT_LEN + 1];
    char id[JM_UUID_LEN + 1]; /* empty: there is none */
} jm_admin_target_t;

typedef struct {
    char              name[JM_DOMAIN_MAX + 1];
    char              policy[16]; /* empty: there is no such domain */
    char              patterns[JM_PATTERNS_MAX * (JM_LOCAL_MAX + 1)];
    jm_admin_target_t postmaster;
    jm_admin_target_t abuse;
    jm_admin_target_t rest; /* what no route leads to */
} jm_admin_record_t;

typedef struct {
    const char *name;
    unsigned    catches : 1;  /* mail that no route leads to */
    unsigned    patterns : 1; /* but only what matches one */
} jm_admin_policy_t;

static int  jm_admin_record(jm_admin_t *admin, jm_admin_record_t *d);
static int  jm_admin_existing(jm_admin_t *admin, jm_admin_record_t *d);
static int  jm_admin_first(jm_admin_t *admin, jm_admin_record_t *d);
static int  jm_admin_home(jm_admin_t *admin, jm_admin_record_t *d);
static int  jm_admin_policy(jm_admin_t *admin, jm_admin_record_t *d);
static int  jm_admin_rest(jm_admin_t *admin, jm_admin_record_t *d);
static int  jm_admin_patterns(const char *text, jm_admin_record_t *d);
static int  jm_admin_pattern(jm_str_t pattern, u_char *out, size_t *len);
static int  jm_admin_hold(jm_admin_t *admin, const jm_admin_record_t *d,
                          const char *alias, jm_admin_target_t *target);
static int  jm_admin_give_back(jm_admin_t *admin, const jm_admin_target_t *old,
                               const jm_admin_target_t *now);
static int  jm_admin_write(jm_admin_t *admin, const jm_admin_record_t *d);
static int  jm_admin_change(jm_admin_t *admin, jm_admin_record_t *d);
static int  jm_admin_host(jm_admin_t *admin);
static void jm_admin_print(const jm_admin_record_t *d);
static void jm_admin_print_json(const jm_admin_record_t *d);

static const jm_admin_policy_t jm_admin_policies[] = {
    { "closed", 0, 0 },
    { "catch-all", 1, 0 },
    { "pattern", 1, 1 },
    { NULL, 0, 0 },
};


static int
jm_admin_call_failed(jm_admin_t *admin, jm_store_status_t status)
{
    return status == JM_STORE_OK ? 0 : jm_admin_store_failed(admin);
}


int
jm_admin_domain_add(jm_admin_t *admin)
{
    int               rc;
    jm_admin_record_t d;

    rc = jm_admin_record(admin, &d);
    if (rc != 0) {
        return rc;
    }

    if (d.policy[0] != '\0' && d.postmaster.id[0] != '\0'
        && d.abuse.id[0] != '\0') {
        if (admin->policy || admin->catch_all || admin->patterns) {
            return jm_admin_fail("%s is already there: use domain set",
                                 d.name);
        }

        printf("%s is already there\n", d.name);

        return 0;
    }

    return jm_admin_change(admin, &d);
}


int
jm_admin_domain_set(jm_admin_t *admin)
{
    int               rc;
    jm_admin_record_t d;

    rc = jm_admin_existing(admin, &d);
    if (rc != 0) {
        return rc;
    }

    return jm_admin_change(admin, &d);
}


int
jm_admin_domain_show(jm_admin_t *admin)
{
    int               rc;
    jm_admin_record_t d;

    rc = jm_admin_existing(admin, &d);
    if (rc != 0) {
        return rc;
    }

    if (admin->json) {
        jm_admin_print_json(&d);
    } else {
        jm_admin_print(&d);
    }

    return 0;
}


int
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
        if (admin->json) {
            printf("%s\"%s\"", i == 0 ? "[" : ",", reply.values[i].text.data);
        } else {
            puts((char *) reply.values[i].text.data);
        }
    }

    if (admin->json) {
        puts(reply.nvalues == 0 ? "[]" : "]");
    }

    return 0;
}


/* Its addresses stay, but RCPT knows the domain no more. */
int
jm_admin_domain_remove(jm_admin_t *admin)
{
    int                     rc;
    jm_store_reply_t        reply;
    jm_admin_record_t       d;
    const jm_admin_target_t none = { "", "" };

    rc = jm_admin_existing(admin, &d);
    if (rc != 0) {
        return rc;
    }

    if (jm_store_call(admin->store, &reply, "ZREM jm:domains %s", d.name)
            != JM_STORE_OK
        || jm_store_call(admin->store, &reply, "DEL jm:domain:{%s}", d.name)
               != JM_STORE_OK)
    {
        return jm_admin_store_failed(admin);
    }

    if (jm_admin_host(admin) != 0
        || jm_admin_give_back(admin, &d.postmaster, &none) != 0
        || jm_admin_give_back(admin, &d.abuse, &none) != 0
        || jm_admin_give_back(admin, &d.rest, &none) != 0)
    {
        return 1;
    }

    printf("%s removed\n", d.name);

    return 0;
}


/* Copies a value that is short enough, else nothing. */
static void
jm_admin_value(const jm_store_reply_t *reply, size_t i, char *out, size_t size)
{
    const jm_str_t *text;

    text = &reply->values[i].text;
    out[0] = '\0';

    if (text->len != 0 && text->len < size) {
        memcpy(out, text->data, text->len);
        out[text->len] = '\0';
    }
}


/* Reads d->name's record; without one, d->policy is empty. */
static int
jm_admin_read(jm_admin_t *admin, jm_admin_record_t *d)
{
    size_t           i;
    jm_store_reply_t reply;
    const struct {
        char  *out;
        size_t size;
    } fields[] = {
        { d->policy, sizeof(d->policy) },
        { d->patterns, sizeof(d->patterns) },
        { d->postmaster.account, sizeof(d->postmaster.account) },
        { d->abuse.account, sizeof(d->abuse.account) },
        { d->postmaster.id, sizeof(d->postmaster.id) },
        { d->abuse.id, sizeof(d->abuse.id) },
        { d->rest.account, sizeof(d->rest.account) },
        { d->rest.id, sizeof(d->rest.id) },
    };

    if (jm_store_call(admin->store, &reply,
                      "HMGET jm:domain:{%s} policy patterns home home"
                      " postmaster abuse account id",
                      d->name)
        != JM_STORE_OK)
    {
        return jm_admin_store_failed(admin);
    }

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (i < reply.nvalues) {
            jm_admin_value(&reply, i, fields[i].out, fields[i].size);
        }
    }

    return 0;
}


/* The record of the domain that the operand names. */
static int
jm_admin_record(jm_admin_t *admin, jm_admin_record_t *d)
{
    ssize_t  len;
    jm_str_t text;

    memset(d, 0, sizeof(jm_admin_record_t));

    text.data = (u_char *) admin->operand;
    text.len = strlen(admin->operand);

    len = jm_domain_key(text, (u_char *) d->name);
    if (len < 0) {
        return jm_admin_fail("\"%s\" is not a domain", admin->operand);
    }

    d->name[len] = '\0';

    return jm_admin_read(admin, d);
}


/* The same, and it is one of ours. */
static int
jm_admin_existing(jm_admin_t *admin, jm_admin_record_t *d)
{
    int rc;

    rc = jm_admin_record(admin, d);

    if (rc == 0 && d->policy[0] == '\0') {
        return jm_admin_fail("there is no domain %s", d->name);
    }

    return rc;
}


/* The record of the first domain; d->policy is empty when there is none. */
static int
jm_admin_first(jm_admin_t *admin, jm_admin_record_t *d)
{
    jm_store_reply_t reply;

    memset(d, 0, sizeof(jm_admin_record_t));

    if (jm_store_call(admin->store, &reply, "ZRANGE jm:domains 0 0")
        != JM_STORE_OK)
    {
        return jm_admin_store_failed(admin);
    }

    if (reply.nvalues == 0) {
        return 0;
    }

    jm_admin_value(&reply, 0, d->name, sizeof(d->name));

    return jm_admin_read(admin, d);
}


/* Makes of the record what the options say of it. */
static int
jm_admin_change(jm_admin_t *admin, jm_admin_record_t *d)
{
    jm_admin_record_t old;

    old = *d;

    /* Nothing is written before everything is known to be right. */

    if (jm_admin_home(admin, d) != 0 || jm_admin_policy(admin, d) != 0
        || jm_admin_hold(admin, d, "postmaster", &d->postmaster) != 0
        || jm_admin_hold(admin, d, "abuse", &d->abuse) != 0
        || jm_admin_hold(admin, d, "*", &d->rest) != 0
        || jm_admin_write(admin, d) != 0
        || jm_admin_give_back(admin, &old.postmaster, &d->postmaster) != 0
        || jm_admin_give_back(admin, &old.abuse, &d->abuse) != 0
        || jm_admin_give_back(admin, &old.rest, &d->rest) != 0
        || jm_admin_host(admin) != 0)
    {
        return 1;
    }

    jm_admin_print(d);

    return 0;
}


/* RFC 5321, 4.5.1, and RFC 2142: a domain has a postmaster, and somebody who
   hears of abuse; here, always. */

static int
jm_admin_home(jm_admin_t *admin, jm_admin_record_t *d)
{
    int               rc;
    char              account[JM_ACCOUNT_LEN + 1];
    jm_admin_record_t first;

    if (admin->key_file != NULL) {
        rc = jm_admin_key_file(admin, admin->key_file, account);

    } else if (admin->postmaster != NULL) {
        rc = jm_admin_account(admin, admin->postmaster, account);

    } else if (d->postmaster.account[0] != '\0') {
        rc = jm_admin_account(admin, d->postmaster.account, account);

    } else {
        rc = jm_admin_first(admin, &first);

        if (rc == 0 && first.postmaster.account[0] == '\0') {
            return jm_admin_fail("postmaster@%s needs a home: name an account"
                                 " by --postmaster or --key-file",
                                 d->name);
        }

        if (rc == 0) {
            rc = jm_admin_account(admin, first.postmaster.account, account);
        }
    }

    if (rc == 0) {
        memcpy(d->postmaster.account, account, sizeof(account));
        memcpy(d->abuse.account, account, sizeof(account));
    }

    return rc;
}


static int
jm_admin_policy(jm_admin_t *admin, jm_admin_record_t *d)
{
    const char              *name;
    const jm_admin_policy_t *policy;

    name = admin->policy != NULL  ? admin->policy
           : d->policy[0] != '\0' ? d->policy
                                  : "closed";

    for (policy = jm_admin_policies; strcmp(policy->name, name) != 0; policy++)
    {
        if (policy[1].name == NULL) {
            return jm_admin_fail("\"%s\" is not a policy: closed, catch-all or"
                                 " pattern",
                                 name);
        }
    }

    if ((admin->catch_all != NULL && !policy->catches)
        || (admin->patterns != NULL && !policy->patterns))
    {
        return jm_admin_fail("--policy %s has no use for %s", name,
                             policy->catches ? "--patterns"
                                             : "--catch-all or --patterns");
    }

    if (admin->patterns != NULL && jm_admin_patterns(admin->patterns, d) != 0)
    {
        return 1;
    }

    if (!policy->patterns) {
        d->patterns[0] = '\0';

    } else if (d->patterns[0] == '\0') {
        return jm_admin_fail("--policy pattern needs --patterns, such as"
                             " \"shop-* news-*\"");
    }

    snprintf(d->policy, sizeof(d->policy), "%s", policy->name);

    if (policy->catches) {
        return jm_admin_rest(admin, d);
    }

    memset(&d->rest, 0, sizeof(jm_admin_target_t));

    return 0;
}


/* Whom mail goes to that no route leads to. */
static int
jm_admin_rest(jm_admin_t *admin, jm_admin_record_t *d)
{
    char        account[JM_ACCOUNT_LEN + 1];
    const char *id;

    id = admin->catch_all != NULL     ? admin->catch_all
         : d->rest.account[0] != '\0' ? d->rest.account
                                      : d->postmaster.account;

    if (jm_admin_account(admin, id, account) != 0) {
        return 1;
    }

    memcpy(d->rest.account, account, sizeof(account));

    return 0;
}


/* The globs of `text`, between spaces or commas, into d->patterns. */
static int
jm_admin_patterns(const char *text, jm_admin_record_t *d)
{
    char       *out;
    size_t      n, len;
    jm_str_t    word;
    const char *p;

    out = d->patterns;
    n = 0;

    for (p = text; *p != '\0'; p += word.len) {
        p += strspn(p, " ,");
        word.data = (u_char *) p;
        word.len = strcspn(p, " ,");

        if (word.len == 0) {
            break;
        }

        if (++n > JM_PATTERNS_MAX) {
            return jm_admin_fail("a domain has %d patterns at most",
                                 JM_PATTERNS_MAX);
        }

        if (n > 1) {
            *out++ = ' ';
        }

        if (jm_admin_pattern(word, (u_char *) out, &len) != 0) {
            return jm_admin_fail("\"%.*s\" is not a pattern: a local part"
                                 " with one asterisk at most",
                                 (int) word.len, word.data);
        }

        out += len;
    }

    *out = '\0';

    return 0;
}


/* An asterisk may stand in a local part, so it passes for one.  The form is
   that of jm_address_key(), which it will be compared with. */

static int
jm_admin_pattern(jm_str_t pattern, u_char *out, size_t *len)
{
    ssize_t       n;
    const u_char *star, *end;

    end = pattern.data + pattern.len;
    star = memchr(pattern.data, '*', pattern.len);

    if (!jm_alias_valid(pattern)
        || (star != NULL
            && memchr(star + 1, '*', (size_t) (end - star - 1)) != NULL))
    {
        return -1;
    }

    n = jm_idn_local(pattern, out, JM_LOCAL_MAX);
    if (n < 0) {
        return -1;
    }

    *len = (size_t) n;

    return 0;
}


/* Sees to it that the target's account, if it has one, has <alias>@<domain>,
   and that this is the target. */

static int
jm_admin_hold(jm_admin_t *admin, const jm_admin_record_t *d, const char *alias,
              jm_admin_target_t *target)
{
    char             id[JM_UUID_LEN + 1];
    jm_store_reply_t reply;

    if (target->account[0] == '\0') {
        return 0;
    }

    if (jm_uuid7(jm_now_ms(), id) != 0) {
        return jm_admin_fail("no random numbers: %s", strerror(errno));
    }

    if (jm_store_call(admin->store, &reply,
                      "FCALL jm_address_hold 1 " JM_KEY_ACCOUNT " %s %s@%s %s",
                      target->account, id, alias, d->name, alias)
        != JM_STORE_OK)
    {
        return jm_admin_store_failed(admin);
    }

    if (!jm_store_is(&reply, 0, "OK") || reply.nvalues != 2) {
        return jm_admin_fail("%s@%s: %s", alias, d->name,
                             reply.values[0].text.data);
    }

    jm_admin_value(&reply, 1, target->id, sizeof(target->id));

    return 0;
}


/* The domain's mail does not go to `old` any more, unless it is `now`. */
static int
jm_admin_give_back(jm_admin_t *admin, const jm_admin_target_t *old,
                   const jm_admin_target_t *now)
{
    jm_store_reply_t reply;

    if (old->id[0] == '\0' || strcmp(old->id, now->id) == 0) {
        return 0;
    }

    return jm_admin_call_failed(
        admin, jm_store_call(admin->store, &reply,
                             "FCALL jm_address_unhold 1 " JM_KEY_ACCOUNT " %s",
                             old->account, old->id));
}


static int
jm_admin_write(jm_admin_t *admin, const jm_admin_record_t *d)
{
    jm_store_reply_t reply;

    if (jm_store_call(admin->store, &reply,
                      "HSET jm:domain:{%s} state active policy %s patterns %s"
                      " home %s postmaster %s abuse %s account %s id %s",
                      d->name, d->policy, d->patterns, d->postmaster.account,
                      d->postmaster.id, d->abuse.id, d->rest.account,
                      d->rest.id)
            != JM_STORE_OK
        || jm_store_call(admin->store, &reply, "ZADD jm:domains NX %lld %s",
                         (long long) jm_now_ms(), d->name)
               != JM_STORE_OK)
    {
        return jm_admin_store_failed(admin);
    }

    return 0;
}


/* <postmaster> without a domain (RFC 5321, 4.5.1) is the first one's: as if
   the domain of no name had its home. */

static int
jm_admin_host(jm_admin_t *admin)
{
    jm_store_reply_t  reply;
    jm_admin_record_t first;

    if (jm_admin_first(admin, &first) != 0) {
        return 1;
    }

    if (first.postmaster.id[0] == '\0') {
        return jm_admin_call_failed(
            admin, jm_store_call(admin->store, &reply, "DEL jm:domain:{}"));
    }

    return jm_admin_call_failed(
        admin, jm_store_call(admin->store, &reply,
                             "HSET jm:domain:{} state active policy closed"
                             " home %s postmaster %s",
                             first.postmaster.account, first.postmaster.id));
}


static void
jm_admin_print(const jm_admin_record_t *d)
{
    printf("domain      %s\n", d->name);
    printf("postmaster  %s%s\n",
           d->postmaster.id[0] != '\0' ? "account " : "nobody",
           d->postmaster.account);
    printf("policy      %s\n", d->policy);

    if (d->patterns[0] != '\0') {
        printf("patterns    %s\n", d->patterns);
    }

    if (d->rest.account[0] != '\0') {
        printf("catch-all   account %s\n", d->rest.account);
    }
}


static void
jm_admin_print_json(const jm_admin_record_t *d)
{
    char  *text;
    size_t i;
    cJSON *json;

    const struct {
        const char *name;
        const char *value;
    } fields[] = { { "domain", d->name },
                   { "postmaster", d->postmaster.account },
                   { "policy", d->policy },
                   { "patterns", d->patterns },
                   { "catchAll", d->rest.account } };

    json = cJSON_CreateObject();

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (fields[i].value[0] != '\0') {
            cJSON_AddStringToObject(json, fields[i].name, fields[i].value);
        } else {
            cJSON_AddNullToObject(json, fields[i].name);
        }
    }

    text = cJSON_PrintUnformatted(json);
    puts(text != NULL ? text : "null");

    free(text);
    cJSON_Delete(json);
}
