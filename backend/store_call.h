/*
 * The store for those who need more of it than store.h has: one command and
 * its reply.  Used by reaper.c and admin.c, so that hiredis stays inside of
 * store.c; what the functions called mean stands in store/.
 */

#ifndef JM_STORE_CALL_H
#define JM_STORE_CALL_H

#include "store.h"

/* One value of a reply. */
typedef struct {
    jm_str_t text;   /* a NUL follows; data is NULL for an integer or nil */
    int64_t  number; /* the integer, or what the text begins with */
} jm_store_value_t;

/* A reply's values: the only one, or the elements of an array, arrays in it
 * taken apart. */
typedef struct {
    const jm_store_value_t *values;
    size_t                  nvalues;
} jm_store_reply_t;

/*
 * Sends a command and waits for its reply, which lives until the next call.
 * `format` is split at its spaces; what %s, %d, %lld and %u stand for is never
 * split.  JM_STORE_OK for every reply that is not an error.
 */
jm_store_status_t jm_store_call(jm_store_t *store, jm_store_reply_t *reply,
                                const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* 1 when the reply has more than `i` values and this one is the text. */
int jm_store_is(const jm_store_reply_t *reply, size_t i, const char *text);

#endif /* JM_STORE_CALL_H */
