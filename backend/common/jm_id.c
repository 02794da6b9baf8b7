/*
 * Ids and times as text: UUID version 7 (RFC 9562, 5.7), delivery ids,
 * ISO 8601.  Called by both sides; allocates nothing and reads no time zone.
 */

#include "jm_id.h"

#include <errno.h>
#include <sys/random.h>

static const char jm_hex[] = "0123456789abcdef";


static int
jm_random(u_char *buf, size_t len)
{
    ssize_t n;

    while (len != 0) {
        n = getrandom(buf, len, 0);

        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }

            return -1;
        }

        buf += n;
        len -= (size_t) n;
    }

    return 0;
}


int
jm_uuid7(int64_t ms, char out[JM_UUID_LEN + 1])
{
    size_t i;
    u_char uuid[16];

    if (jm_random(uuid, sizeof(uuid)) != 0) {
        return -1;
    }

    for (i = 0; i < 6; i++) {
        uuid[i] = (u_char) ((uint64_t) ms >> (40 - 8 * i));
    }

    uuid[6] = 0x70 | (uuid[6] & 0x0f); /* version */
    uuid[8] = 0x80 | (uuid[8] & 0x3f); /* variant */

    for (i = 0; i < sizeof(uuid); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *out++ = '-';
        }

        *out++ = jm_hex[uuid[i] >> 4];
        *out++ = jm_hex[uuid[i] & 0x0f];
    }

    *out = '\0';

    return 0;
}


int
jm_uuid_valid(jm_str_t text)
{
    size_t i;
    u_char c;

    if (text.len != JM_UUID_LEN) {
        return 0;
    }

    for (i = 0; i < text.len; i++) {
        c = text.data[i];

        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (c != '-') {
                return 0;
            }

        } else if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return 0;
        }
    }

    return 1;
}


/* `digits` decimal digits of `value`, the last one ends before `end`. */

static void
jm_decimal(char *end, int digits, int64_t value)
{
    while (digits-- != 0) {
        *--end = (char) ('0' + value % 10);
        value /= 10;
    }
}


void
jm_iso_time(int64_t ms, char out[25])
{
    int64_t days, rest, era, doe, yoe, doy, mp, year, month;

    /* Years 0001 to 9999 have this form; nothing of ours lies outside. */

    if (ms < -62135596800000) {
        ms = -62135596800000;
    } else if (ms > 253402300799999) {
        ms = 253402300799999;
    }

    days = ms / 86400000;
    rest = ms % 86400000;

    if (rest < 0) {
        rest += 86400000;
        days--;
    }

    /*
     * Days to a date without gmtime(), which may read the time zone: count
     * from 0000-03-01, so that the leap day is the last of its year, in eras
     * of 400 years.
     */

    days += 719468;
    era = days / 146097;
    doe = days % 146097;
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    mp = (5 * doy + 2) / 153;
    month = mp < 10 ? mp + 3 : mp - 9;
    year = yoe + era * 400 + (month <= 2);

    memcpy(out, "0000-00-00T00:00:00.000Z", 25);

    jm_decimal(out + 4, 4, year);
    jm_decimal(out + 7, 2, month);
    jm_decimal(out + 10, 2, doy - (153 * mp + 2) / 5 + 1);
    jm_decimal(out + 13, 2, rest / 3600000);
    jm_decimal(out + 16, 2, rest / 60000 % 60);
    jm_decimal(out + 19, 2, rest / 1000 % 60);
    jm_decimal(out + 23, 3, rest % 1000);
}


int
jm_delivery_id(char out[33])
{
    size_t i;
    u_char id[16];

    if (jm_random(id, sizeof(id)) != 0) {
        return -1;
    }

    for (i = 0; i < sizeof(id); i++) {
        *out++ = jm_hex[id[i] >> 4];
        *out++ = jm_hex[id[i] & 0x0f];
    }

    *out = '\0';

    return 0;
}
