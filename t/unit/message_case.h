/*
 * What the tests of the message files share: a message in an arena, from a
 * string.  Included by test_mime, test_extract, test_render and test_golden.
 */

#ifndef MESSAGE_CASE_H
#define MESSAGE_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "html.h"
#include "message.h"
#include "mime.h"

#define CEILING (256 * 1024 * 1024)

static jm_arena_t  *arena;
static jm_message_t message;


static int
setup(void **state)
{
    jm_html_init();
    arena = jm_arena_create(CEILING);

    return arena == NULL ? -1 : jm_mime_init();
}


static int
teardown(void **state)
{
    jm_arena_destroy(arena);

    return 0;
}


/* Reads `len` bytes into `message`.  0, or -1 when the arena was too small. */
static inline int
read_message(const void *data, size_t len)
{
    jm_arena_reset(arena);

    if (setjmp(*jm_arena_guard(arena)) != 0) {
        return -1;
    }

    jm_message_read(&message, arena, jm_arena_str(arena, data, len));

    return 0;
}


static inline void
read_text(const char *text)
{
    assert_int_equal(read_message(text, strlen(text)), 0);
}


static inline void
assert_str(jm_str_t s, const char *expected)
{
    if (s.len != strlen(expected)
        || (s.len != 0 && memcmp(s.data, expected, s.len) != 0))
    {
        fail_msg("\"%.*s\" is not \"%s\"", (int) s.len,
                 s.data == NULL ? (u_char *) "" : s.data, expected);
    }
}

#endif /* MESSAGE_CASE_H */
