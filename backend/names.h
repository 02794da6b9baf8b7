/*
 * Rows of a constant table, found by their names in a step or two: the
 * sanitiser asks for each element, attribute and CSS property of a mail.
 *
 * Used by html_table.c, css_property.c and css_look.c.  Each row begins with
 * its name, in lower case.  The index is made when it is first asked.
 */

#ifndef JM_NAMES_H
#define JM_NAMES_H

#include <stdint.h>

#include "jm_str.h"

#define JM_NAMES_SLOTS 1024 /* a power of two, and twice the rows at least */

typedef struct {
    uint16_t row; /* counted from 1; 0: none */
    uint16_t len;
} jm_names_slot_t;

typedef struct {
    const void     *rows;
    size_t          nrows;
    size_t          size; /* of a row */
    unsigned        made : 1;
    jm_names_slot_t slots[JM_NAMES_SLOTS];
} jm_names_t;

#define JM_NAMES(table)                                                       \
    {                                                                         \
        .rows = (table), .nrows = sizeof(table) / sizeof((table)[0]),         \
        .size = sizeof((table)[0])                                            \
    }

/* The row of that name, in any case; NULL if there is none. */
const void *jm_names_find(jm_names_t *names, jm_str_t name);

#endif /* JM_NAMES_H */
