/*
 * The address grammar of RFC 5321 4.1.2 (and RFC 6531 UTF-8), once for SMTP,
 * LMTP and REST.  Plain bytes in, a struct of slices out; nothing that was
 * allocated for a key outlives the call.
 */

#ifndef JM_ADDRESS_H
#define JM_ADDRESS_H

#include "jm_str.h"

#define JM_LOCAL_MAX       64
#define JM_DOMAIN_MAX      255
#define JM_PATH_MAX        256
#define JM_KEY_ADDRESS_MAX (JM_LOCAL_MAX + 1 + JM_DOMAIN_MAX)

typedef struct {
    jm_str_t path;     /* what stands between the angle brackets, as written,
                          without a source route */
    jm_str_t local;    /* as written, quotes included */
    jm_str_t domain;   /* as written; a literal with its brackets; empty for
                          <> and <postmaster> */
    unsigned null : 1; /* <> */
    unsigned postmaster : 1; /* <postmaster>, any case, without domain */
    unsigned utf8 : 1;       /* non-ASCII, route or not: only with SMTPUTF8 */
    unsigned literal : 1;    /* the domain is an address literal */
} jm_address_t;

/* A Reverse-path or Forward-path with its brackets: `<…>`.  Returns the
 * number of bytes taken, or -1. */
ssize_t jm_path_parse(jm_str_t text, jm_address_t *out);

/* A mailbox without brackets, the whole of `text`.  0 or -1. */
int jm_mailbox_parse(jm_str_t text, jm_address_t *out);

/*
 * The form under which an address is stored and found: local part unquoted,
 * without its `+tag`, normalised and lower-cased (jm_idn.h), `@`, the domain
 * as A-labels; `postmaster@` for <postmaster>.  The key of a key is the key.
 * `out` has room for JM_KEY_ADDRESS_MAX bytes.  Length, or -1 when there is no
 * such form (null path, no domain, literal, no U-label, a local part that is
 * empty then or longer than JM_LOCAL_MAX).
 */
ssize_t jm_address_key(const jm_address_t *address, u_char *out);

/* 1 when `alias` may be made by a user: a dot-atom of 1–64 octets without `+`,
 * beyond ASCII of letters and digits only. */
int jm_alias_valid(jm_str_t alias);

/* The domain as it is stored and found: a fully qualified name of A-labels.
 * `out` has room for JM_DOMAIN_MAX bytes.  Length, or -1 when it is none. */
ssize_t jm_domain_key(jm_str_t domain, u_char *out);

/* 1 when `domain` is a fully qualified ASCII host name (RFC 1123). */
int jm_domain_valid(jm_str_t domain);

#endif /* JM_ADDRESS_H */
