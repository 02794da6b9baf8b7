/*
 * jm_key.c and jm_schema.c: form, checksum, hash.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "jm_key.h"
#include "jm_schema.h"

#define ACCOUNT "0123456789ABCDEFGHIJab"
#define SECRET  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"


static jm_str_t
str(const char *s)
{
    return (jm_str_t){ (u_char *) s, strlen(s) };
}


static void
test_sha256(void **state)
{
    char hex[JM_HASH_LEN + 1];

    jm_sha256_hex(jm_str("abc"), hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223"
                             "b00361a396177a9cb410ff61f20015ad");
    jm_sha256_hex(jm_str(""), hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb924"
                             "27ae41e4649b934ca495991b7852b855");
}


/* A key written out, so that neither the alphabet nor the checksum can
   change unnoticed: CRC-32 of the first 73 characters is 5f5ceb14. */

static void
test_known(void **state)
{
    char     hex[JM_HASH_LEN + 1];
    jm_key_t key;

    assert_int_equal(
        jm_key_parse(str("jm_live_" ACCOUNT SECRET "1kH7a8"), &key), 0);
    assert_string_equal(key.account, ACCOUNT);
    jm_sha256_hex(jm_str(SECRET), hex);
    assert_string_equal(key.hash, hex);

    assert_int_equal(jm_ticket_parse(str(ACCOUNT SECRET), &key), 0);
    assert_string_equal(key.account, ACCOUNT);
    assert_string_equal(key.hash, hex);
}


static void
test_made(void **state)
{
    int      i;
    char     account[JM_ACCOUNT_LEN + 1], text[JM_KEY_LEN + 1];
    char     other[JM_KEY_LEN + 1];
    jm_key_t made, read;

    for (i = 0; i < 100; i++) {
        assert_int_equal(jm_account_make(account), 0);
        assert_int_equal(strlen(account), JM_ACCOUNT_LEN);

        assert_int_equal(jm_key_make(account, 1, text, &made), 0);
        assert_int_equal(strlen(text), JM_KEY_LEN);
        assert_int_equal(jm_key_parse(str(text), &read), 0);
        assert_string_equal(read.account, account);
        assert_string_equal(read.hash, made.hash);
        assert_int_equal(read.first, 1);

        assert_int_equal(jm_key_make(account, 0, other, &made), 0);
        assert_int_equal(jm_key_parse(str(other), &read), 0);
        assert_int_equal(read.first, 0);
        assert_string_not_equal(text, other);

        assert_int_equal(jm_ticket_make(account, text, &made), 0);
        assert_int_equal(strlen(text), JM_TICKET_LEN);
        assert_int_equal(jm_ticket_parse(str(text), &read), 0);
        assert_string_equal(read.account, account);
        assert_string_equal(read.hash, made.hash);
    }
}


/* Every length but one and every changed character is refused. */

static void
test_refused(void **state)
{
    int      c;
    char     text[JM_KEY_LEN + 2];
    size_t   i;
    u_char   saved;
    jm_key_t key;
    jm_str_t s;

    assert_int_equal(jm_key_make(ACCOUNT, 0, text, &key), 0);
    text[JM_KEY_LEN] = '0';

    for (i = 0; i < sizeof(text); i++) {
        s.data = (u_char *) text;
        s.len = i;
        assert_int_equal(jm_key_parse(s, &key), i == JM_KEY_LEN ? 0 : -1);
    }

    s.len = JM_KEY_LEN;

    for (i = 0; i < JM_KEY_LEN; i++) {
        saved = s.data[i];

        for (c = 0; c < 256; c++) {
            s.data[i] = (u_char) c;
            assert_int_equal(jm_key_parse(s, &key), c == saved ? 0 : -1);
        }

        s.data[i] = saved;
    }

    assert_int_equal(jm_ticket_make(ACCOUNT, text, &key), 0);
    s.len = JM_TICKET_LEN;

    for (i = 0; i < JM_TICKET_LEN; i++) {
        saved = s.data[i];
        s.data[i] = '-';
        assert_int_equal(jm_ticket_parse(s, &key), -1);
        s.data[i] = saved;
    }

    s.len--;
    assert_int_equal(jm_ticket_parse(s, &key), -1);
    s.len = 0;
    assert_int_equal(jm_ticket_parse(s, &key), -1);
}


static void
test_shard(void **state)
{
    /* CRC-32 of "123456789" is cbf43926. */

    assert_int_equal(jm_shard(jm_str("123456789")), 6);
    assert_int_equal(jm_shard(jm_str("")), 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256), cmocka_unit_test(test_known),
        cmocka_unit_test(test_made),   cmocka_unit_test(test_refused),
        cmocka_unit_test(test_shard),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
