/*
 * What the files of the operator's command line share: admin.c has the
 * commands and their options, admin_domain.c the domains, admin_account.c
 * accounts and keys.
 */

#ifndef JM_ADMIN_PRIVATE_H
#define JM_ADMIN_PRIVATE_H

#include "jm_key.h"
#include "store_call.h"

/* The options' values, NULL where none was given. */
typedef struct {
    jm_store_t *store;
    const char *operand;    /* the domain or account */
    const char *second;     /* the key's id */
    const char *postmaster; /* --postmaster: an account */
    const char *key_file;   /* --key-file */
    const char *policy;     /* --policy */
    const char *catch_all;  /* --catch-all: an account */
    const char *patterns;   /* --patterns */
    const char *quota[5]; /* --emails, --bytes, …, as the store takes them */
    const char *name;     /* --name of a key */
    const char *scopes;   /* --scopes, separated by commas or spaces */
    const char *expires;  /* --expires: seconds */
    int         json;     /* --json */
} jm_admin_t;

/* Tells what went wrong; returns the exit code, 1. */
int jm_admin_fail(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* The same when the store has refused, or is away. */
int jm_admin_store_failed(jm_admin_t *admin);

/* Copies the id of an account that must exist and be active.  0 or, after
 * telling why not, 1. */
int jm_admin_account(jm_admin_t *admin, const char *id,
                     char account[JM_ACCOUNT_LEN + 1]);

/* The account of the key that is the file's first line; the same. */
int jm_admin_key_file(jm_admin_t *admin, const char *path,
                      char account[JM_ACCOUNT_LEN + 1]);

/* `junkmaild domain …`; the exit code. */
int jm_admin_domain_add(jm_admin_t *admin);
int jm_admin_domain_set(jm_admin_t *admin);
int jm_admin_domain_show(jm_admin_t *admin);
int jm_admin_domain_list(jm_admin_t *admin);
int jm_admin_domain_remove(jm_admin_t *admin);

/* `junkmaild account …`, `junkmaild key …`; the exit code. */
int jm_admin_account_add(jm_admin_t *admin);
int jm_admin_account_list(jm_admin_t *admin);
int jm_admin_account_show(jm_admin_t *admin);
int jm_admin_account_set(jm_admin_t *admin);
int jm_admin_account_remove(jm_admin_t *admin);
int jm_admin_key_add(jm_admin_t *admin);
int jm_admin_key_list(jm_admin_t *admin);
int jm_admin_key_remove(jm_admin_t *admin);

#endif /* JM_ADMIN_PRIVATE_H */
