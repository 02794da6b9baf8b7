/*
 * The argument of XCLIENT (Postfix's XCLIENT_README): what a proxy that we
 * trust says of the client behind it.  Called by the SMTP session.  Decodes in
 * place, allocates nothing.
 */

#ifndef JM_XCLIENT_H
#define JM_XCLIENT_H

#include "jm_str.h"

#define JM_XCLIENT_ATTRIBUTES                                                 \
    "NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT"

/* What was not said, or was said to be unavailable, is empty or 0. */
typedef struct {
    jm_str_t name;   /* any octets: it is foreign text */
    jm_str_t helo;   /* likewise */
    int      family; /* AF_INET, AF_INET6 */
    u_char   addr[16];
    unsigned port;
    unsigned proto : 1; /* said: */
    unsigned esmtp : 1;
    unsigned renamed : 1; /* NAME was said */
} jm_xclient_t;

/* 0, or -1 when it breaks the grammar or an attribute is unknown. */
int jm_xclient_parse(jm_str_t arg, jm_xclient_t *out);

#endif /* JM_XCLIENT_H */
