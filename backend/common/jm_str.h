/*
 * The string type both sides share: a pointer and a length, never
 * NUL-terminated, owning nothing.  It has the field order of neither nginx's
 * ngx_str_t nor libc's iovec on purpose: convert, do not cast.
 */

#ifndef JM_STR_H
#define JM_STR_H

#include <stddef.h>
#include <string.h>
#include <sys/types.h>

typedef struct {
    u_char *data;
    size_t  len;
} jm_str_t;

#define jm_str(literal)                                                       \
    (jm_str_t)                                                                \
    {                                                                         \
        (u_char *) (literal), sizeof(literal) - 1                             \
    }

#endif /* JM_STR_H */
