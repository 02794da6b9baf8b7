/*
 * The backend's view of Redis, synchronous: one connection a process, used by
 * delivery.c (resolve, deliver), reaper.c (due work) and admin.c (operators).
 * The data model itself is in store/, in Lua; this file only calls it.  The
 * only file that includes hiredis.  Every call has a deadline; after
 * JM_STORE_DOWN the connection is of no further use and the process ends.
 */

#ifndef JM_STORE_H
#define JM_STORE_H

#include <stdint.h>

#include "jm_address.h"
#include "jm_str.h"
#include "render.h"

typedef struct jm_store_s jm_store_t;

typedef enum {
    JM_STORE_OK = 0,
    JM_STORE_UNKNOWN, /* no such address or domain: 550 5.1.1 */
    JM_STORE_FOREIGN, /* not a domain of ours: 550 5.7.1 */
    JM_STORE_CLOSED,  /* expired, stopped or deleted address: 550 5.2.1 */
    JM_STORE_QUOTA,   /* 452 4.2.2 */
    JM_STORE_FULL,    /* Redis refuses writes for memory: 452 4.3.1 */
    JM_STORE_REFUSED, /* any other error reply: 451 4.3.0 */
    JM_STORE_DOWN     /* no connection, or no answer in time: 451 4.3.0 */
} jm_store_status_t;

typedef struct {
    const char *redis;         /* path of Redis's Unix socket, or host:port */
    const char *user;          /* ACL user */
    const char *password_file; /* first line is the password */
    int         timeout_ms;    /* connect and each reply; 5000 */
} jm_store_conf_t;

/* A recipient: the account and address that the envelope address leads to. */
typedef struct {
    char account[23];
    char address_id[37];
} jm_recipient_t;

/* One email to be stored: one distinct address of the account. */
typedef struct {
    const char              *address_id;
    const jm_rendered_for_t *rendered;
} jm_delivery_mail_t;

typedef struct {
    const char               *account;
    const char               *delivery_id; /* 32 hex digits */
    const char               *stamp;       /* jm_message_stamp() */
    const char               *replaces;    /* jm_store_reclean()'s email */
    const jm_rendered_t      *shared;
    const jm_delivery_mail_t *mails;
    size_t                    nmails;
} jm_delivery_t;

/* What became of each mail of a delivery. */
typedef struct {
    char     id[37]; /* stored under this id (of the first try, if repeated) */
    unsigned gone : 1; /* the address no longer exists: nothing stored */
} jm_delivered_t;

/*
 * Connects and authenticates.  NULL, with a sentence for the log in `err`,
 * when that fails.
 */
jm_store_t *jm_store_open(const jm_store_conf_t *conf, char *err,
                          size_t errlen);
void        jm_store_close(jm_store_t *store);

/* The last error as a sentence for the log; valid until the next call. */
const char *jm_store_error(jm_store_t *store);

/*
 * Finds where `key` (jm_address.h: the form addresses are stored under) leads.
 * `check` != 0 also asks for state and quota (a client without XDID);
 * otherwise only route and domain are read.
 */
jm_store_status_t jm_store_resolve(jm_store_t *store, jm_str_t key, int check,
                                   jm_recipient_t *out);

/*
 * Stores one account's share of a transaction, all or nothing, durably before
 * it returns.  A repeat with the same delivery id changes nothing and gives
 * the first results again.  `results` has room for d->nmails.
 */
jm_store_status_t jm_store_deliver(jm_store_t *store, const jm_delivery_t *d,
                                   jm_delivered_t *results);

/*
 * Puts what was made of an original anew in the place of what email
 * d->replaces has, all or nothing; d->mails is one whose id is a new one, for
 * what is written ahead, d->shared has no original.  JM_STORE_UNKNOWN when the
 * email is gone.
 */
jm_store_status_t jm_store_reclean(jm_store_t *store, const jm_delivery_t *d);

/* PING with the deadline: JM_STORE_OK when Redis answers and has our library.
 */
jm_store_status_t jm_store_ping(jm_store_t *store);

/*
 * Loads the function library (as ACL user loader) if it is missing or of
 * another version.  `code` is the text of junkmail.lua.
 */
jm_store_status_t jm_store_load(jm_store_t *store, jm_str_t code);

#endif /* JM_STORE_H */
