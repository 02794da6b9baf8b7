/*
 * What store.c (the connection) and store_deliver.c (a delivery as one
 * pipeline) share; nobody else includes it.  hiredis stays inside of store.c.
 */

#ifndef JM_STORE_PRIVATE_H
#define JM_STORE_PRIVATE_H

#include "store_call.h"

struct jm_store_s {
    struct redisContext *redis;
    struct redisReply   *reply; /* of the last call */
    jm_store_value_t    *values;
    size_t               nvalues; /* allocated */
    int                  timeout_ms;
    char                 error[512];
};

/*
 * Writes a command out to Redis now, so that hiredis never holds more than
 * one.  Redis reads on while its few bytes of replies wait for us, so this
 * cannot block for ever.  JM_STORE_OK or JM_STORE_DOWN.
 */
jm_store_status_t jm_store_send(jm_store_t *store, int argc, const char **argv,
                                const size_t *lens);

/*
 * Reads the replies to that many commands, the last of which stays in
 * store->reply.  The first that is an error tells why; later ones only follow
 * from it.
 */
jm_store_status_t jm_store_collect(jm_store_t *store, size_t pending);

/* Makes the values of store->reply readable without hiredis. */
jm_store_status_t jm_store_values(jm_store_t *store, jm_store_reply_t *reply);

#endif /* JM_STORE_PRIVATE_H */
