/*
 * Feeds the address grammar.  What it must hold: slices lie inside the text,
 * the limits hold, what is a mailbox in brackets is one without, and the key
 * of a key is the key.
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


/* Writes the key's local part in quotes, as a client would. */

static void
check_key(const u_char *key, size_t len)
{
    size_t       i, at, n;
    u_char       text[2 * JM_KEY_ADDRESS_MAX], again[JM_KEY_ADDRESS_MAX];
    jm_address_t a;

    for (at = len - 1; key[at] != '@'; at--) { /* void */
    }

    n = 0;
    text[n++] = '"';

    for (i = 0; i < at; i++) {
        CHECK(key[i] != '+' && (key[i] < 'A' || key[i] > 'Z'));

        if (key[i] == '"' || key[i] == '\\') {
            text[n++] = '\\';
        }

        text[n++] = key[i];
    }

    text[n++] = '"';

    if (n > JM_LOCAL_MAX || n + len - at > JM_PATH_MAX) {
        return;
    }

    memcpy(text + n, key + at, len - at);

    CHECK(jm_mailbox_parse((jm_str_t){ text, n + len - at }, &a) == 0);
    CHECK(jm_address_key(&a, again) == (ssize_t) len);
    CHECK(memcmp(again, key, len) == 0);
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

    if (n != -1 && !a->postmaster) {
        check_key(key, (size_t) n);
    }
}


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char       domain[JM_DOMAIN_MAX];
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

    n = jm_domain_key(text, domain);
    CHECK(n <= 253);

    if (n != -1) {
        CHECK(jm_domain_valid((jm_str_t){ domain, (size_t) n }));
    }

    return 0;
}
