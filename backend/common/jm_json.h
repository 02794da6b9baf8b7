/*
 * Reads small JSON documents (RFC 8259): the bodies of API requests and the
 * text frames of push clients.  Checks the whole document once, strictly, and
 * then gives views into it; copies and allocates nothing.
 *
 * Stricter than the RFC where a reader may be: the text must be valid UTF-8,
 * and a string may hold neither NUL nor half a surrogate pair.
 */

#ifndef JM_JSON_H
#define JM_JSON_H

#include <stdint.h>

#include "jm_str.h"

#define JM_JSON_DEPTH 32

typedef enum {
    JM_JSON_NULL,
    JM_JSON_FALSE,
    JM_JSON_TRUE,
    JM_JSON_NUMBER,
    JM_JSON_STRING,
    JM_JSON_ARRAY,
    JM_JSON_OBJECT
} jm_json_type_e;

/* A view into a checked document. */
typedef struct {
    jm_json_type_e type;
    jm_str_t       text; /* as written; a string without its quotes, an array
                            or object with its brackets */
} jm_json_t;

/* 0 and the document's value, or -1 when it is not JSON or is nested deeper
 * than JM_JSON_DEPTH. */
int jm_json_parse(jm_str_t document, jm_json_t *value);

/* 1 and the member of `object` (of the last, if there are several), or 0. */
int jm_json_member(const jm_json_t *object, const char *name, jm_json_t *out);

/*
 * Walks an array: `at` starts as 0.  1 and the next element, or 0 at the end.
 */
int jm_json_next(const jm_json_t *array, size_t *at, jm_json_t *out);

/*
 * The string's characters, escapes undone, into `out`, room for `size` bytes;
 * the result is never longer than `value->text`.  Length, or -1 when `value`
 * is no string or does not fit.
 */
ssize_t jm_json_string(const jm_json_t *value, u_char *out, size_t size);

/* 0 and the number, or -1 when `value` is not an integer of at most 15 digits
 * written without fraction and exponent. */
int jm_json_integer(const jm_json_t *value, int64_t *out);

#endif /* JM_JSON_H */
