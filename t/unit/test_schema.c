/*
 * jm_schema.c: the shard of an account is the one that junkmaild's reaper, any
 * nginx and any later version look in, so known values are pinned here.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "jm_key.h"
#include "jm_schema.h"


static void
test_known(void **state)
{
    /* CRC-32 of "123456789" is 0xcbf43926, the check value of ISO 3309. */
    assert_int_equal(jm_shard(jm_str("123456789")), 0xcbf43926 % JM_SHARDS);
    assert_int_equal(jm_shard(jm_str("")), 0);
}


static void
test_spread(void **state)
{
    int      i;
    char     account[JM_ACCOUNT_LEN + 1];
    uint32_t shard, seen;
    jm_str_t text;

    seen = 0;

    for (i = 0; i < 1000; i++) {
        assert_int_equal(jm_account_make(account), 0);
        text.data = (u_char *) account;
        text.len = JM_ACCOUNT_LEN;

        shard = jm_shard(text);
        assert_true(shard < JM_SHARDS);
        seen |= 1u << shard;
    }

    assert_int_equal(seen, (1u << JM_SHARDS) - 1);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_spread),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
