/*
 * Whose is a host?  The registrable domain by the Public Suffix List (Debian's
 * publicsuffix, read once by libpsl), and the host that a text claims to be.
 */

#include "url.h"

#include <libpsl.h>
#include <stdint.h>
#include <stdlib.h>
#include <strings.h>

#include "charset.h"
#include "jm_idn.h"
#include "text.h"
#include "url_private.h"

#define JM_SITE_TEXT 2048 /* bytes of a link's text that are read */

/* Top-level domains that make a bare "name.tld" in a text a web address. */
static const char *const jm_url_common_tlds[] = {
    "app", "ar", "at", "au",  "bank", "be",  "biz",  "br",   "ca",   "cc",
    "ch",  "cn", "co", "com", "cz",   "de",  "dev",  "dk",   "edu",  "es",
    "eu",  "fi", "fr", "gov", "gr",   "hu",  "ie",   "in",   "info", "io",
    "it",  "jp", "kr", "me",  "mx",   "net", "nl",   "no",   "nz",   "online",
    "org", "pl", "pt", "ro",  "ru",   "se",  "shop", "site", "tr",   "tv",
    "ua",  "uk", "us", "xyz", "za",
};

static const psl_ctx_t *jm_site_list;


void
jm_url_init(void)
{
    if (jm_site_list == NULL) {
        jm_site_list = psl_latest(NULL);
    }
}


static int
jm_is_common_tld(jm_str_t host)
{
    size_t i, n, start;

    for (start = host.len; start > 0 && host.data[start - 1] != '.'; start--) {
        /* void */
    }

    if (start == 0) {
        return 0;
    }

    n = sizeof(jm_url_common_tlds) / sizeof(jm_url_common_tlds[0]);

    for (i = 0; i < n; i++) {
        if (strlen(jm_url_common_tlds[i]) == host.len - start
            && memcmp(jm_url_common_tlds[i], host.data + start,
                      host.len - start)
                   == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* The next word of a text without the signs around it: "(bank.com)." is
 * "bank.com".  Empty at the end. */
static jm_str_t
jm_site_word(jm_str_t *text)
{
    uint32_t      c;
    jm_str_t      word;
    const u_char *p, *start, *end;

    p = text->data;
    end = p + text->len;
    word = jm_str("");

    while (p < end) {
        start = p;
        c = jm_charset_next(&p, end);

        if (jm_idn_is_word(c)) {
            word.data = word.len == 0 ? (u_char *) start : word.data;
            word.len = p - word.data;

        } else if (word.len != 0 && jm_text_class(c) == JM_TEXT_SPACE) {
            break;
        }
    }

    text->data = (u_char *) p;
    text->len = end - p;

    return word;
}


/* The host that a word claims: a bare "name.tld" does if it is `alone`. */
static jm_str_t
jm_site_claimed(jm_arena_t *arena, jm_str_t word, int alone)
{
    int      full;
    jm_buf_t buf;
    jm_url_t url;

    full = word.len > 6
           && (strncasecmp((char *) word.data, "http:", 5) == 0
               || strncasecmp((char *) word.data, "https:", 6) == 0);

    if ((!full && !alone
         && (word.len < 5 || strncasecmp((char *) word.data, "www.", 4) != 0))
        || memchr(word.data, '@', word.len) != NULL)
    {
        return jm_str("");
    }

    jm_buf_init(&buf, arena, SIZE_MAX);
    jm_buf_adds(&buf, full ? "" : "http://");
    jm_buf_add(&buf, word.data, word.len);

    if (jm_url_parse(&url, arena, jm_buf_str(&buf)) != 0
        || memchr(url.host.data, '.', url.host.len) == NULL
        || (!full && !jm_is_common_tld(url.host)
            && (url.host.len < 4 || memcmp(url.host.data, "www.", 4) != 0)))
    {
        return jm_str("");
    }

    return url.host;
}


jm_str_t
jm_url_claimed_host(jm_arena_t *arena, jm_str_t text)
{
    size_t   words;
    jm_str_t rest, word, host;

    if (text.len == 0) {
        return jm_str("");
    }

    text = jm_charset_trim(text, JM_SITE_TEXT);
    rest = text;

    for (words = 0; jm_site_word(&rest).len != 0; words++) {
        /* void */
    }

    host = jm_str("");
    rest = text;

    while (host.len == 0 && (word = jm_site_word(&rest)).len != 0) {
        host = jm_site_claimed(arena, word, words == 1);
    }

    return host;
}


/*
 * The name that somebody has registered; the host itself where there is none:
 * an address, a public suffix.
 */
static jm_str_t
jm_site_of(jm_str_t host)
{
    char        name[256];
    jm_str_t    site;
    const char *found;

    if (host.len != 0 && host.data[host.len - 1] == '.') {
        host.len--;
    }

    /* an IPv4 address is nobody's subdomain */
    if (host.len == 0 || host.len >= sizeof(name) || host.data[0] == '['
        || (host.data[host.len - 1] >= '0' && host.data[host.len - 1] <= '9'))
    {
        return host;
    }

    memcpy(name, host.data, host.len);
    name[host.len] = '\0';
    found = psl_registrable_domain(jm_site_list, name);

    if (found == NULL) {
        return host;
    }

    site.len = strlen(found);
    site.data = host.data + host.len - site.len;

    return site;
}


int
jm_url_same_site(jm_str_t a, jm_str_t b)
{
    a = jm_site_of(a);
    b = jm_site_of(b);

    return a.len == b.len
           && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}
