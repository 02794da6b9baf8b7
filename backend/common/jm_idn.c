/*
 * The rules behind jm_idn.h, by libidn2 and libunistring.
 */

#include "jm_idn.h"

#include <idn2.h>
#include <stdlib.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "jm_utf8.h"

#define JM_IDN_DOMAIN_MAX 255

/* A character of 2 octets may get 3 by its case, and one of 4 may be put in
   12 by Normalisation Form C: bounds of what lies in between. */

#define JM_IDN_WORK_MAX 1024

#define JM_IDN_IOTA 0x345 /* combining iota below, in upper case a letter */

static int     jm_idn_is_ascii(jm_str_t text);
static ssize_t jm_idn_ascii(jm_str_t text, u_char *out, size_t size);
static ssize_t jm_idn_nfc(jm_str_t text, u_char *out, size_t size);
static ssize_t jm_idn_lower(jm_str_t text, u_char *out, size_t size);


ssize_t
jm_idn_domain(jm_str_t domain, u_char *out, size_t size)
{
    int     flags, rc;
    char   *ascii, text[JM_IDN_DOMAIN_MAX + 1];
    ssize_t n;

    if (jm_idn_is_ascii(domain)) {
        return jm_idn_ascii(domain, out, size);
    }

    if (domain.len > JM_IDN_DOMAIN_MAX) {
        return -1;
    }

    memcpy(text, domain.data, domain.len);
    text[domain.len] = '\0';

    ascii = NULL;
    flags = IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL;
    rc = idn2_to_ascii_8z(text, &ascii, flags);

    if (rc != IDN2_OK) {
        return -1;
    }

    n = jm_idn_ascii((jm_str_t){ (u_char *) ascii, strlen(ascii) }, out, size);
    idn2_free(ascii);

    return n;
}


ssize_t
jm_idn_local(jm_str_t local, u_char *out, size_t size)
{
    u_char   first[JM_IDN_WORK_MAX], second[JM_IDN_WORK_MAX];
    ssize_t  n;
    jm_str_t text;

    if (jm_idn_is_ascii(local)) {
        return jm_idn_ascii(local, out, size);
    }

    /* Composed before, that the mapping sees whole letters; and after, since
       a small letter may have a composed form where the capital has none. */

    n = jm_idn_nfc(local, first, sizeof(first));
    if (n < 0) {
        return -1;
    }

    text.data = first;
    text.len = (size_t) n;

    n = jm_idn_lower(text, second, sizeof(second));
    if (n < 0) {
        return -1;
    }

    text.data = second;
    text.len = (size_t) n;

    return jm_idn_nfc(text, out, size);
}


/* Scripts that Chinese, Japanese and Korean write together, and with Latin. */
static const struct {
    const char *name;
    unsigned    with; /* 1: Japanese, 2: Chinese, 4: Korean */
} jm_idn_together[] = {
    { "Latin", 7 },    { "Han", 7 },      { "Hiragana", 1 },
    { "Katakana", 1 }, { "Bopomofo", 2 }, { "Hangul", 4 },
};


/* The sets that a script belongs to; 0 if it stands alone. */
static unsigned
jm_idn_with(const uc_script_t *script)
{
    size_t i;

    for (i = 0; i < sizeof(jm_idn_together) / sizeof(jm_idn_together[0]); i++)
    {
        if (strcmp(script->name, jm_idn_together[i].name) == 0) {
            return jm_idn_together[i].with;
        }
    }

    return 0;
}


/* Does a label have letters of scripts that nobody writes together? */
static int
jm_idn_is_mixed(const uint32_t *p)
{
    unsigned           with;
    const uc_script_t *script, *first;

    first = NULL;
    with = 0;

    for (/* void */; *p != 0; p++) {
        if (*p == '.') {
            first = NULL;
            continue;
        }

        script = uc_script(*p);

        if (script == NULL || strcmp(script->name, "Common") == 0
            || strcmp(script->name, "Inherited") == 0)
        {
            continue;
        }

        if (first == NULL) {
            first = script;
            with = jm_idn_with(script);

        } else if (script != first) {
            with &= jm_idn_with(script);

            if (with == 0) {
                return 1;
            }
        }
    }

    return 0;
}


/*
 * Is a label written in nothing but Cyrillic letters with a twin in Latin?
 * Words of the common ones are real ("орех", a nut): one that hardly any
 * language writes must be among them.
 */
static int
jm_idn_is_disguised(const uint32_t *p)
{
    size_t twins, rare;

    /* a c e i j o p x y, and d h l q s w */
    static const uint32_t common[] =
        U"\u0430\u0441\u0435\u0456\u0458\u043e\u0440\u0445\u0443";
    static const uint32_t seldom[] = U"\u0501\u04bb\u04cf\u051b\u0455\u051d";

    for (/* void */; *p != 0; p += *p == '.') {
        for (twins = 0, rare = 0; *p != 0 && *p != '.'; p++) {
            if (u32_strchr(seldom, *p) != NULL) {
                rare++;

            } else if (u32_strchr(common, *p) != NULL) {
                twins++;

            } else if (uc_is_alpha(*p)) {
                break;
            }
        }

        if ((*p == 0 || *p == '.') && rare != 0 && twins + rare >= 4) {
            return 1;
        }

        while (*p != 0 && *p != '.') {
            p++;
        }
    }

    return 0;
}


int
jm_idn_is_lookalike(jm_str_t domain)
{
    int       found;
    char      text[JM_IDN_DOMAIN_MAX + 1];
    uint32_t *unicode;

    if (domain.len > JM_IDN_DOMAIN_MAX) {
        return 0;
    }

    memcpy(text, domain.data, domain.len);
    text[domain.len] = '\0';

    if (strstr(text, "xn--") == NULL
        || idn2_to_unicode_8z4z(text, &unicode, 0) != IDN2_OK)
    {
        return 0;
    }

    found = jm_idn_is_mixed(unicode) || jm_idn_is_disguised(unicode);
    idn2_free(unicode);

    return found;
}


static int
jm_idn_is_ascii(jm_str_t text)
{
    size_t i;

    for (i = 0; i < text.len; i++) {
        if (text.data[i] >= 0x80) {
            return 0;
        }
    }

    return 1;
}


static ssize_t
jm_idn_ascii(jm_str_t text, u_char *out, size_t size)
{
    u_char c;
    size_t i;

    if (text.len > size) {
        return -1;
    }

    for (i = 0; i < text.len; i++) {
        c = text.data[i];
        out[i] = c >= 'A' && c <= 'Z' ? (u_char) (c | 0x20) : c;
    }

    return (ssize_t) text.len;
}


static ssize_t
jm_idn_nfc(jm_str_t text, u_char *out, size_t size)
{
    size_t   len;
    uint8_t *result;

    len = 0;
    result = u8_normalize(UNINORM_NFC, text.data, text.len, NULL, &len);

    if (result == NULL || len > size) {
        free(result);
        return -1;
    }

    memcpy(out, result, len);
    free(result);

    return (ssize_t) len;
}


static ssize_t
jm_idn_lower(jm_str_t text, u_char *out, size_t size)
{
    u_char       *w;
    size_t        len;
    uint32_t      cp;
    const u_char *p, *end;

    w = out;
    end = text.data + text.len;

    for (p = text.data; p < end; p += len) {
        len = jm_utf8_decode(p, end, &cp);

        if (len == 0 || size - (size_t) (w - out) < 4) {
            return -1;
        }

        if (cp != JM_IDN_IOTA) {
            cp = uc_tolower(uc_toupper(cp));
        }

        w += jm_utf8_encode(cp, w);
    }

    return w - out;
}


int
jm_idn_is_word(uint32_t cp)
{
    return uc_is_general_category_withtable(
        cp, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_M | UC_CATEGORY_MASK_Nd);
}


int
jm_idn_is_mark(uint32_t cp)
{
    return uc_is_general_category_withtable(cp, UC_CATEGORY_MASK_M);
}
