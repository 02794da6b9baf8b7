/*
 * Feeds the address grammar.  What it must hold: slices lie inside the text,
 * the limits hold, and what is a mailbox in brackets is one without.
 */

#include <stdint.h>
#include <stdlib.h>

#include "jm_address.h"

#define CHECK(condition)                                                      \
    if (!(condition)) {                                                       \
        abort();                                                              \
    }


static void
check_inside(jm_str_t part, jm_str_t text)
{
    if (part.len != 0) {
        CHECK(part.data >= text.data);
        CHECK(part.data + part.len <= text.data + text.len);
    }
}


static void
check_address(const jm_address_t *a, jm_str_t text)
{
    u_char  key[JM_KEY_ADDRESS_MAX];
    ssize_t n;

    check_inside(a->path, text);
    check_inside(a->local, text);
    check_inside(a->domain, text);

    CHECK(a->path.len <= JM_PATH_MAX);
    CHECK(a->local.len <= JM_LOCAL_MAX);
    CHECK(a->domain.len <= JM_DOMAIN_MAX);

    n = jm_address_key(a, key);
    CHECK(n == -1 || (n >= 3 && n <= JM_KEY_ADDRESS_MAX));
}


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ssize_t      n;
    jm_str_t     text;
    jm_address_t a, b;

    text.data = (u_char *) data;
    text.len = size;

    n = jm_path_parse(text, &a);

    if (n != -1) {
        CHECK(n >= 2 && (size_t) n <= size);
        CHECK(data[0] == '<' && data[n - 1] == '>');
        check_address(&a, text);

        if (!a.null && !a.postmaster) {
            CHECK(jm_mailbox_parse(a.path, &b) == 0);
            CHECK(a.local.len == b.local.len && a.domain.len == b.domain.len);
        }
    }

    if (jm_mailbox_parse(text, &a) == 0) {
        check_address(&a, text);
        CHECK(a.path.len == size);
    }

    if (jm_alias_valid(text)) {
        CHECK(size <= JM_LOCAL_MAX);
    }

    if (jm_domain_valid(text)) {
        CHECK(size <= 253);
    }

    return 0;
}
