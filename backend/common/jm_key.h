/*
 * API keys and view tickets: the account's id and a secret of 256 random bits
 * in one word.  The server keeps only the SHA-256 of the secret; 256 random
 * bits need no slow hash.
 */

#ifndef JM_KEY_H
#define JM_KEY_H

#include "jm_str.h"

#define JM_ACCOUNT_LEN 22
#define JM_SECRET_LEN  43
#define JM_HASH_LEN    64 /* hex */
#define JM_KEY_LEN     (8 + JM_ACCOUNT_LEN + JM_SECRET_LEN + 6)
#define JM_TICKET_LEN  (JM_ACCOUNT_LEN + JM_SECRET_LEN)

/* Who a key or ticket belongs to, and the hash its secret is stored under. */
typedef struct {
    char     account[JM_ACCOUNT_LEN + 1];
    char     hash[JM_HASH_LEN + 1];
    unsigned first : 1; /* a key that came with its account, by its looks */
} jm_key_t;

/* 0, or -1 when `text` is not a key: form or checksum. */
int jm_key_parse(jm_str_t text, jm_key_t *out);
int jm_ticket_parse(jm_str_t text, jm_key_t *out);

/*
 * Makes a key or ticket for `account` from getrandom(2); `text` has room for
 * JM_KEY_LEN + 1 or JM_TICKET_LEN + 1.  0, or -1 without randomness.
 *
 * The secret's first digit tells a key that came with its account (`first`)
 * from one made later, so that nginx knows which rate limit counts before it
 * asks the store.  It costs one of 256 bits and gives no rights.
 */
int jm_key_make(const char *account, unsigned first, char *text,
                jm_key_t *out);
int jm_ticket_make(const char *account, char *text, jm_key_t *out);

/* A new account id: 22 base-62 digits of 128 random bits. */
int jm_account_make(char account[JM_ACCOUNT_LEN + 1]);

/* Lower-case hex SHA-256; `hex` has room for JM_HASH_LEN + 1. */
void jm_sha256_hex(jm_str_t data, char *hex);

#endif /* JM_KEY_H */
