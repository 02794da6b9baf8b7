/*
 * arena.c: alignment, zeroes, the ceiling and its jump, buffers with a limit.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arena.h"

#define CEILING (1024 * 1024)


static void
test_alloc(void **state)
{
    size_t      size, i;
    u_char     *p;
    jm_arena_t *arena;

    arena = jm_arena_create(CEILING);
    assert_non_null(arena);

    for (size = 0; size < 200 * 1000; size = size * 3 + 1) {
        p = jm_arena_alloc(arena, size);
        assert_int_equal((uintptr_t) p % 16, 0);

        for (i = 0; i < size; i++) {
            assert_int_equal(p[i], 0);
        }

        memset(p, 0xFF, size);
    }

    /* what is used again is zero again */
    jm_arena_reset(arena);
    p = jm_arena_alloc(arena, 1000);

    for (i = 0; i < 1000; i++) {
        assert_int_equal(p[i], 0);
    }

    jm_arena_destroy(arena);
}


static void
test_ceiling(void **state)
{
    volatile unsigned n;
    jm_arena_t       *arena;

    arena = jm_arena_create(CEILING);
    n = 0;

    if (setjmp(*jm_arena_guard(arena)) == 0) {
        for (;;) {
            jm_arena_alloc(arena, 1000);
            n++;
        }
    }

    /* less what alignment takes */
    assert_in_range(n, CEILING / 1024, CEILING / 1000);

    jm_arena_reset(arena);

    if (setjmp(*jm_arena_guard(arena)) == 0) {
        jm_arena_alloc(arena, SIZE_MAX);
        fail();
    }

    jm_arena_destroy(arena);
}


static void
test_strings(void **state)
{
    jm_str_t    str;
    jm_arena_t *arena;

    arena = jm_arena_create(CEILING);

    assert_string_equal(jm_arena_cstr(arena, "abcdef", 3), "abc");
    assert_string_equal(jm_arena_cstr(arena, NULL, 0), "");

    str = jm_arena_printf(arena, "%s-%d", "x", 42);
    assert_int_equal(str.len, 4);
    assert_memory_equal(str.data, "x-42", 5);

    str = jm_arena_str(arena, "a\0b", 3);
    assert_memory_equal(str.data, "a\0b", 4);

    jm_arena_destroy(arena);
}


static void
test_buffer(void **state)
{
    size_t      i;
    jm_buf_t    buf;
    jm_arena_t *arena;

    arena = jm_arena_create(CEILING);
    jm_buf_init(&buf, arena, 5000);

    for (i = 0; i < 5000; i++) {
        jm_buf_addc(&buf, 'a' + (int) (i % 26));
    }

    assert_int_equal(buf.truncated, 0);
    jm_buf_adds(&buf, "more");
    assert_int_equal(buf.truncated, 1);
    assert_int_equal(buf.len, 5000);

    for (i = 0; i < 5000; i++) {
        assert_int_equal(buf.data[i], 'a' + (int) (i % 26));
    }

    jm_buf_init(&buf, arena, 6);
    jm_buf_printf(&buf, "%d %d", 123, 4567);
    assert_int_equal(buf.truncated, 1);
    assert_memory_equal(jm_buf_str(&buf).data, "123 45", 6);

    jm_arena_destroy(arena);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc),
        cmocka_unit_test(test_ceiling),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_buffer),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
