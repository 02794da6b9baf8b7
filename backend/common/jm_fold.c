/*
 * Case and accent folding for search.  A table where Unicode has no rule
 * (Latin), arithmetic where it has one (Greek, Cyrillic), a few exceptions.
 * This is not full Unicode folding on purpose: the search line holds 600
 * bytes, and the two sides need only agree.
 */

#include "jm_fold.h"

#include "jm_utf8.h"

/* U+00C0 to U+017F as lower-case base letters, two for a ligature; NULL: the
   character stays. */

static const char *const jm_fold_latin[] = {
    /* 00C0 */ "a", "a",  "a",  "a",  "a", "a", "ae", "c",
    /* 00C8 */ "e", "e",  "e",  "e",  "i", "i", "i",  "i",
    /* 00D0 */ "d", "n",  "o",  "o",  "o", "o", "o",  NULL,
    /* 00D8 */ "o", "u",  "u",  "u",  "u", "y", "th", "ss",
    /* 00E0 */ "a", "a",  "a",  "a",  "a", "a", "ae", "c",
    /* 00E8 */ "e", "e",  "e",  "e",  "i", "i", "i",  "i",
    /* 00F0 */ "d", "n",  "o",  "o",  "o", "o", "o",  NULL,
    /* 00F8 */ "o", "u",  "u",  "u",  "u", "y", "th", "y",
    /* 0100 */ "a", "a",  "a",  "a",  "a", "a", "c",  "c",
    /* 0108 */ "c", "c",  "c",  "c",  "c", "c", "d",  "d",
    /* 0110 */ "d", "d",  "e",  "e",  "e", "e", "e",  "e",
    /* 0118 */ "e", "e",  "e",  "e",  "g", "g", "g",  "g",
    /* 0120 */ "g", "g",  "g",  "g",  "h", "h", "h",  "h",
    /* 0128 */ "i", "i",  "i",  "i",  "i", "i", "i",  "i",
    /* 0130 */ "i", "i",  "ij", "ij", "j", "j", "k",  "k",
    /* 0138 */ "k", "l",  "l",  "l",  "l", "l", "l",  "l",
    /* 0140 */ "l", "l",  "l",  "n",  "n", "n", "n",  "n",
    /* 0148 */ "n", "'n", "n",  "n",  "o", "o", "o",  "o",
    /* 0150 */ "o", "o",  "oe", "oe", "r", "r", "r",  "r",
    /* 0158 */ "r", "r",  "s",  "s",  "s", "s", "s",  "s",
    /* 0160 */ "s", "s",  "t",  "t",  "t", "t", "t",  "t",
    /* 0168 */ "u", "u",  "u",  "u",  "u", "u", "u",  "u",
    /* 0170 */ "u", "u",  "u",  "u",  "w", "w", "y",  "y",
    /* 0178 */ "y", "z",  "z",  "z",  "z", "z", "z",  "s",
};

/* Accented letters of Greek and Cyrillic, sorted by what they were; what
   they become is lower case already. */

static const struct {
    uint16_t from;
    uint16_t to;
} jm_fold_accents[] = {
    { 0x0386, 0x03b1 }, { 0x0388, 0x03b5 }, { 0x0389, 0x03b7 },
    { 0x038a, 0x03b9 }, { 0x038c, 0x03bf }, { 0x038e, 0x03c5 },
    { 0x038f, 0x03c9 }, { 0x0390, 0x03b9 }, { 0x03aa, 0x03b9 },
    { 0x03ab, 0x03c5 }, { 0x03ac, 0x03b1 }, { 0x03ad, 0x03b5 },
    { 0x03ae, 0x03b7 }, { 0x03af, 0x03b9 }, { 0x03b0, 0x03c5 },
    { 0x03c2, 0x03c3 }, { 0x03ca, 0x03b9 }, { 0x03cb, 0x03c5 },
    { 0x03cc, 0x03bf }, { 0x03cd, 0x03c5 }, { 0x03ce, 0x03c9 },
    { 0x0400, 0x0435 }, { 0x0401, 0x0435 }, { 0x0403, 0x0433 },
    { 0x0407, 0x0456 }, { 0x040c, 0x043a }, { 0x040d, 0x0438 },
    { 0x040e, 0x0443 }, { 0x0419, 0x0438 }, { 0x0439, 0x0438 },
    { 0x0450, 0x0435 }, { 0x0451, 0x0435 }, { 0x0453, 0x0433 },
    { 0x0457, 0x0456 }, { 0x045c, 0x043a }, { 0x045d, 0x0438 },
    { 0x045e, 0x0443 },
};

#define JM_FOLD_ACCENTS (sizeof(jm_fold_accents) / sizeof(jm_fold_accents[0]))


static uint32_t
jm_fold_accent(uint32_t cp)
{
    size_t low, high, middle;

    low = 0;
    high = JM_FOLD_ACCENTS;

    while (low < high) {
        middle = (low + high) / 2;

        if (jm_fold_accents[middle].from == cp) {
            return jm_fold_accents[middle].to;
        }

        if (jm_fold_accents[middle].from < cp) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }

    return cp;
}


/* One letter of Greek or Cyrillic. */

static uint32_t
jm_fold_letter(uint32_t cp)
{
    uint32_t folded;

    folded = jm_fold_accent(cp);
    if (folded != cp) {
        return folded;
    }

    /* U+03A2 is nobody: small sigma has two forms, capital sigma one. */

    if ((cp >= 0x0391 && cp <= 0x03a9 && cp != 0x03a2)
        || (cp >= 0x0410 && cp <= 0x042f))
    {
        return cp + 0x20;
    }

    if (cp >= 0x0400 && cp <= 0x040f) {
        return cp + 0x50;
    }

    if ((cp >= 0x03d8 && cp <= 0x03ef) || (cp >= 0x0460 && cp <= 0x0481)
        || (cp >= 0x048a && cp <= 0x04bf) || (cp >= 0x04d0 && cp <= 0x052f))
    {
        return cp | 1;
    }

    if (cp >= 0x04c1 && cp <= 0x04ce) {
        return cp + (cp & 1);
    }

    return cp == 0x04c0 ? 0x04cf : cp;
}


/* The bytes that `cp` becomes, at most 4; 0 for a combining accent. */

static size_t
jm_fold_char(uint32_t cp, u_char *out)
{
    size_t      len;
    const char *latin;

    if (cp <= 0x20 || (cp >= 0x7f && cp <= 0xa0)) {
        out[0] = ' ';
        return 1;
    }

    if (cp < 0x80) {
        out[0] = (u_char) (cp >= 'A' && cp <= 'Z' ? cp | 0x20 : cp);
        return 1;
    }

    if (cp >= 0x00c0 && cp <= 0x017f) {
        latin = jm_fold_latin[cp - 0x00c0];

        if (latin != NULL) {
            len = strlen(latin);
            memcpy(out, latin, len);
            return len;
        }
    }

    if (cp >= 0x0300 && cp <= 0x036f) {
        return 0;
    }

    return jm_utf8_encode(jm_fold_letter(cp), out);
}


size_t
jm_fold(jm_str_t in, u_char *out, size_t size)
{
    u_char        folded[4], *w;
    size_t        len, n;
    uint32_t      cp;
    const u_char *p, *end;

    if (in.len == 0) {
        return 0;
    }

    w = out;
    p = in.data;
    end = p + in.len;

    while (p < end) {
        len = jm_utf8_decode(p, end, &cp);

        if (len == 0) {
            len = 1;
            cp = '?';
        }

        p += len;
        n = jm_fold_char(cp, folded);

        if (n == 1 && folded[0] == ' ' && w > out && w[-1] == ' ') {
            continue;
        }

        if (n > size - (size_t) (w - out)) {
            break;
        }

        memcpy(w, folded, n);
        w += n;
    }

    return (size_t) (w - out);
}
