/*
 * A transaction from its first recipient to the fate of each: gathers who a
 * message is for and its bytes, then has it read, cleaned and rendered once
 * and stored once per account.
 *
 * Called by lmtp.c, which speaks the protocol this knows nothing of.  The
 * bytes are malloc'ed and the transaction's; all that is made of them lies in
 * the worker's arena, which the caller resets.
 */

#ifndef JM_DELIVERY_H
#define JM_DELIVERY_H

#include "arena.h"
#include "jm_address.h"
#include "store.h"

#define JM_DELIVERY_RECIPIENTS 100 /* of one message */

/* What has become of a recipient. */
typedef enum {
    JM_FATE_OPEN = 0, /* accepted, nothing decided */
    JM_FATE_STORED,   /* `email` says under which id */
    JM_FATE_GONE,     /* no such address any more: counts as delivered */
    JM_FATE_FULL,     /* the store has no room */
    JM_FATE_MEMORY,   /* the message takes more than the arena has */
    JM_FATE_FAILED
} jm_fate_t;

typedef struct {
    jm_recipient_t where;           /* where it leads, if that was found */
    u_char         to[JM_PATH_MAX]; /* as the client wrote it */
    size_t         to_len;
    jm_fate_t      fate;
    char           email[37]; /* id, 36 characters, once stored */
} jm_transaction_rcpt_t;

/* All zero to begin with. */
typedef struct {
    char                  did[33]; /* delivery id, 32 hex digits */
    jm_transaction_rcpt_t rcpts[JM_DELIVERY_RECIPIENTS];
    size_t                nrcpts;
    jm_str_t              raw; /* the message, so far */
    size_t                room;
    unsigned xdid : 1;          /* the client has decided on the recipients */
    unsigned xraw : 1;          /* store without looking inside */
    unsigned keep_original : 1; /* for /source */

    /* These two outlast the transaction, as what they say does. */
    unsigned down : 1; /* the store is away, it is not asked again */
    unsigned worn : 1; /* a message was too much: the process should end */
} jm_transaction_t;

/* Forgets the recipients and the message. */
void jm_transaction_reset(jm_transaction_t *t);

/*
 * Adds the recipient that `key` (see jm_store_resolve) leads to; `to` is what
 * the client wrote, at most JM_PATH_MAX bytes, copied.  The caller has seen
 * that there are fewer than JM_DELIVERY_RECIPIENTS.  Anything but JM_STORE_OK
 * says why it was not added.
 *
 * A client with a delivery id has asked the store itself before it took the
 * message, so nothing is refused then: an address gone since counts as
 * delivered, and a store that has gone away since is answered after the
 * message.
 */
jm_store_status_t jm_transaction_rcpt(jm_transaction_t *t, jm_store_t *store,
                                      jm_str_t key, jm_str_t to);

/*
 * Makes room for `more` bytes behind raw.len, and for at least one.  With
 * them the message has at most `limit` bytes.  0, or -1 when memory is short.
 */
int jm_transaction_reserve(jm_transaction_t *t, size_t more, size_t limit);

/*
 * Decides every fate that is open; jm_transaction_reserve() was called.  All
 * or nothing per account; an account's failure changes nothing for the others,
 * but for a store that is down.  A message that does not fit `arena` is stored
 * without looking inside; if not even that fits, JM_FATE_MEMORY is the fate of
 * every recipient.
 */
void jm_transaction_deliver(jm_transaction_t *t, jm_store_t *store,
                            jm_arena_t *arena);

#endif /* JM_DELIVERY_H */
