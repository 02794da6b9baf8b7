/*
 * Whose is a host?  The registrable domain by the Public Suffix List (Debian's
 * publicsuffix, read once by libpsl), and the host that a text claims to be.
 */

#include "url.h"

#include <libpsl.h>
#include <stdint.h>
#include <stdlib.h>
#include <strings.h>

#include "url_private.h"

/* Top-level domains that make a bare "name.tld" in a text a web address. */
static const char *const jm_url_common_tlds[] = {
    "app", "at",   "be",   "biz", "ca", "cc", "ch",  "cn",   "co",     "com",
    "de",  "dev",  "edu",  "es",  "eu", "fr", "gov", "in",   "info",   "io",
    "it",  "jp",   "me",   "net", "nl", "no", "org", "pl",   "online", "ru",
    "se",  "shop", "site", "tv",  "uk", "us", "xyz", "bank",
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


jm_str_t
jm_url_claimed_host(jm_arena_t *arena, jm_str_t text)
{
    int      plain;
    size_t   i;
    jm_buf_t buf;
    jm_url_t url;
    jm_str_t none;

    none.data = NULL;
    none.len = 0;
    text = jm_url_trim(arena, text);

    if (text.len < 4 || text.len > 2048) {
        return none;
    }

    for (i = 0; i < text.len; i++) {
        if (text.data[i] <= ' ' || text.data[i] == '@') {
            return none;
        }
    }

    plain = strncasecmp((char *) text.data, "http:", 5) != 0
            && strncasecmp((char *) text.data, "https:", 6) != 0;

    if (plain) {
        jm_buf_init(&buf, arena, SIZE_MAX);
        jm_buf_adds(&buf, "http://");
        jm_buf_add(&buf, text.data, text.len);
        text = jm_buf_str(&buf);
    }

    if (jm_url_parse(&url, arena, text) != 0
        || memchr(url.host.data, '.', url.host.len) == NULL)
    {
        return none;
    }

    if (plain && !jm_is_common_tld(url.host)
        && (url.host.len < 4 || memcmp(url.host.data, "www.", 4) != 0))
    {
        return none;
    }

    return url.host;
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
