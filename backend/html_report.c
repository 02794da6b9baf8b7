/*
 * The rows of html_report.h.
 */

#include "html_report.h"

#include "html_str.h"

#define JM_HTML_MAX_REPORT   1000 /* rows of each list */
#define JM_HTML_MAX_WARNINGS 100


/* A list of the report with room for one more element behind the last. */
static void *
jm_report_grow(jm_arena_t *arena, void *list, size_t n, size_t size)
{
    void *grown;

    /* full at 0, 8, 16, 32… */
    if (n != 0 && (n < 8 || (n & (n - 1)) != 0)) {
        return list;
    }

    grown = jm_arena_alloc(arena, (n == 0 ? 8 : 2 * n) * size);

    if (n != 0) {
        memcpy(grown, list, n * size);
    }

    return grown;
}


void
jm_report_tracker(jm_html_t *out, jm_arena_t *arena, const char *kind,
                  const char *vendor, jm_str_t host)
{
    size_t        i;
    jm_tracker_t *row;

    vendor = (vendor == NULL) ? "unknown" : vendor;

    for (i = 0; i < out->ntrackers; i++) {
        row = &out->trackers[i];

        if (jm_str_is(row->vendor, vendor) && row->host.len == host.len
            && memcmp(row->host.data, host.data, host.len) == 0)
        {
            row->count++;
            return;
        }
    }

    if (out->ntrackers == JM_HTML_MAX_REPORT) {
        return;
    }

    out->trackers = jm_report_grow(arena, out->trackers, out->ntrackers,
                                   sizeof(jm_tracker_t));
    row = &out->trackers[out->ntrackers++];
    row->kind = kind;
    row->vendor = jm_arena_str(arena, vendor, strlen(vendor));
    row->host = host;
    row->count = 1;
}


static void
jm_report_warning(jm_html_t *out, jm_arena_t *arena, const char *code,
                  jm_str_t text, jm_str_t host)
{
    size_t        i;
    jm_warning_t *row;

    for (i = 0; i < out->nwarnings; i++) {
        row = &out->warnings[i];

        if (strcmp(row->code, code) == 0 && row->text.len == text.len
            && memcmp(row->text.data, text.data, text.len) == 0)
        {
            return;
        }
    }

    if (out->nwarnings == JM_HTML_MAX_WARNINGS) {
        return;
    }

    out->warnings = jm_report_grow(arena, out->warnings, out->nwarnings,
                                   sizeof(jm_warning_t));
    row = &out->warnings[out->nwarnings++];
    row->code = code;
    row->text = text;
    row->host = host;
}


void
jm_report_link(jm_html_t *out, jm_arena_t *arena, const jm_url_t *url,
               jm_str_t text)
{
    jm_str_t   claimed;
    jm_link_t *row;

    if (url->scheme == JM_URL_FRAGMENT) {
        return;
    }

    if (out->nlinks < JM_HTML_MAX_REPORT) {
        out->links = jm_report_grow(arena, out->links, out->nlinks,
                                    sizeof(jm_link_t));
        row = &out->links[out->nlinks++];
        row->href = url->href;
        row->text = text;
    }

    if (url->host.len == 0) {
        return;
    }

    claimed = jm_url_claimed_host(arena, text);

    if (claimed.len != 0 && !jm_url_same_site(claimed, url->host)) {
        jm_report_warning(out, arena, "link-mismatch",
                          jm_arena_printf(arena,
                                          "A link shows %.*s but goes to "
                                          "%.*s.",
                                          (int) claimed.len, claimed.data,
                                          (int) url->host.len, url->host.data),
                          url->host);
    }
}


const jm_remote_image_t *
jm_report_image(jm_html_t *out, jm_arena_t *arena,
                const jm_remote_image_t *image)
{
    jm_remote_image_t *row;

    if (out->nimages == JM_HTML_MAX_REPORT) {
        return NULL;
    }

    out->images = jm_report_grow(arena, out->images, out->nimages,
                                 sizeof(jm_remote_image_t));
    row = &out->images[out->nimages];
    *row = *image;
    row->index = (uint32_t) out->nimages++;

    return row;
}


const jm_tracker_rule_t *
jm_report_rule(jm_arena_t *arena, jm_url_t *url)
{
    jm_str_t                 rest;
    jm_url_t                 inner;
    const u_char            *hash;
    const jm_tracker_rule_t *rule;

    rest = url->rest;
    hash = memchr(rest.data, '#', rest.len);

    if (hash != NULL) {
        rest.len -= (size_t) (hash + 1 - rest.data);
        rest.data = (u_char *) hash + 1;

        if (rest.len > 8 && memcmp(rest.data, "http", 4) == 0
            && jm_url_parse(&inner, arena, rest) == 0 && inner.host.len != 0)
        {
            *url = inner;
        }
    }

    rule = jm_tracker_find(url->host, url->rest, NULL);

    if (rule != NULL && rule->confidence != JM_TRACKER_HIGH) {
        rule = NULL;
    }

    return rule;
}


void
jm_report_background(jm_html_t *out, jm_arena_t *arena, const char *kind,
                     jm_str_t raw)
{
    jm_url_t                 url;
    const jm_tracker_rule_t *rule;

    if (jm_url_parse(&url, arena, raw) != 0 || url.host.len == 0) {
        return;
    }

    rule = jm_report_rule(arena, &url);

    if (rule != NULL) {
        jm_report_tracker(out, arena, kind, rule->vendor, url.host);
    }
}
