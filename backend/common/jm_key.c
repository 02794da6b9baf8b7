/*
 * Making and reading API keys and view tickets.
 *
 *   jm_live_ | account, 22 | secret, 43 | CRC-32 of all before, 6 | = 79
 *              account, 22 | secret, 43                             = 65
 *
 * Digits are 0-9A-Za-z.  The checksum lets leak scanners and our own edge
 * tell a key from noise without asking the store; it protects nothing.
 * Called by the REST endpoints (parse, make), admin.c and the tests.
 */

#include "jm_key.h"

#include <errno.h>
#include <stdint.h>
#include <sys/random.h>

#include <openssl/sha.h>
#include <zlib.h>

#define JM_PREFIX       "jm_live_"
#define JM_PREFIX_LEN   8
#define JM_CHECKSUM_LEN 6

/* The secret of a key that came with its account begins with one of the upper
 * half of the digits. */
#define JM_FIRST_DIGIT 'V'

static const char jm_base62[] = "0123456789"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz";


static int
jm_is_base62(const u_char *p, size_t len)
{
    while (len-- != 0) {
        if (!((*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z')
              || (*p >= 'a' && *p <= 'z')))
        {
            return 0;
        }

        p++;
    }

    return 1;
}


/* Six digits of the CRC-32 of `len` bytes, most significant first. */

static void
jm_key_checksum(const u_char *p, size_t len, char *out)
{
    int      i;
    uint32_t crc;

    crc = (uint32_t) crc32(0, p, (uInt) len);

    for (i = JM_CHECKSUM_LEN - 1; i >= 0; i--) {
        out[i] = jm_base62[crc % 62];
        crc /= 62;
    }
}


/*
 * `len` base-62 digits, each equally likely: six random bits are a digit if
 * they are below 62 and are thrown away otherwise.
 */

static int
jm_random_base62(char *out, size_t len)
{
    size_t  i;
    u_char  buf[64];
    ssize_t n;

    while (len != 0) {
        n = getrandom(buf, sizeof(buf), 0);

        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }

            return -1;
        }

        for (i = 0; i < (size_t) n && len != 0; i++) {
            if ((buf[i] & 0x3f) < 62) {
                *out++ = jm_base62[buf[i] & 0x3f];
                len--;
            }
        }
    }

    return 0;
}


/* Lower-case hex SHA-256; -1 when libcrypto has no memory. */

static int
jm_sha256(const u_char *data, size_t len, char *hex)
{
    size_t            i;
    u_char            md[SHA256_DIGEST_LENGTH];
    static const char digits[] = "0123456789abcdef";

    if (SHA256(data, len, md) == NULL) {
        return -1;
    }

    for (i = 0; i < sizeof(md); i++) {
        *hex++ = digits[md[i] >> 4];
        *hex++ = digits[md[i] & 0x0f];
    }

    *hex = '\0';

    return 0;
}


static int
jm_key_split(const u_char *p, jm_key_t *out)
{

    memcpy(out->account, p, JM_ACCOUNT_LEN);
    out->account[JM_ACCOUNT_LEN] = '\0';
    out->first = p[JM_ACCOUNT_LEN] >= JM_FIRST_DIGIT;

    return jm_sha256(p + JM_ACCOUNT_LEN, JM_SECRET_LEN, out->hash);
}


int
jm_key_parse(jm_str_t text, jm_key_t *out)
{
    char   checksum[JM_CHECKSUM_LEN];
    size_t body;

    body = JM_KEY_LEN - JM_CHECKSUM_LEN;

    if (text.len != JM_KEY_LEN
        || memcmp(text.data, JM_PREFIX, JM_PREFIX_LEN) != 0
        || !jm_is_base62(text.data + JM_PREFIX_LEN, text.len - JM_PREFIX_LEN))
    {
        return -1;
    }

    jm_key_checksum(text.data, body, checksum);

    if (memcmp(text.data + body, checksum, JM_CHECKSUM_LEN) != 0) {
        return -1;
    }

    return jm_key_split(text.data + JM_PREFIX_LEN, out);
}


int
jm_ticket_parse(jm_str_t text, jm_key_t *out)
{
    if (text.len != JM_TICKET_LEN || !jm_is_base62(text.data, text.len)) {
        return -1;
    }

    return jm_key_split(text.data, out);
}


int
jm_key_make(const char *account, unsigned first, char *text, jm_key_t *out)
{
    char *p;

    memcpy(text, JM_PREFIX, JM_PREFIX_LEN);
    p = text + JM_PREFIX_LEN;

    do {
        if (jm_ticket_make(account, p, out) != 0) {
            return -1;
        }
    } while (out->first != first);

    p += JM_TICKET_LEN;

    jm_key_checksum((u_char *) text, (size_t) (p - text), p);
    p[JM_CHECKSUM_LEN] = '\0';

    return 0;
}


int
jm_ticket_make(const char *account, char *text, jm_key_t *out)
{
    memcpy(text, account, JM_ACCOUNT_LEN);

    if (jm_random_base62(text + JM_ACCOUNT_LEN, JM_SECRET_LEN) != 0) {
        return -1;
    }

    text[JM_TICKET_LEN] = '\0';

    return jm_key_split((u_char *) text, out);
}


int
jm_account_make(char account[JM_ACCOUNT_LEN + 1])
{
    account[JM_ACCOUNT_LEN] = '\0';

    return jm_random_base62(account, JM_ACCOUNT_LEN);
}


void
jm_sha256_hex(jm_str_t data, char *hex)
{
    /* Without memory: zeros, which are nobody's hash. */

    if (jm_sha256(data.data, data.len, hex) != 0) {
        memset(hex, '0', JM_HASH_LEN);
        hex[JM_HASH_LEN] = '\0';
    }
}
