/*
 * The sanitiser: a mail's HTML in, canonical harmless HTML, its plain text
 * and an open report of what was removed out.
 *
 * Called by message.c once per message.  Input is valid UTF-8 (mime.c has
 * seen to charset, NUL and BOM); output lives in the arena.  libxml2 is
 * known to html*.c alone, and not to this header.
 */

#ifndef JM_HTML_H
#define JM_HTML_H

#include <stdint.h>

#include "arena.h"
#include "sender.h"

/* One row per kind, vendor and host; `trackers[]` of the API. */
typedef struct {
    const char *kind; /* "pixel", "css", "link", "header" */
    jm_str_t    vendor;
    jm_str_t    host;
    uint32_t    count;
    unsigned    inferred : 1; /* the vendor, from the rest of the mail */
    unsigned    kept : 1;     /* a link that only its tracker can follow */
} jm_tracker_t;

typedef struct {
    const char *code; /* stable word, such as "link-mismatch" */
    jm_str_t    text; /* a sentence for people */
    jm_str_t    host; /* empty where none applies */
} jm_warning_t;

typedef struct {
    jm_str_t href;
    jm_str_t text;
} jm_link_t;

typedef struct {
    uint32_t index;
    jm_str_t url;
    uint32_t width, height; /* CSS pixels; 0 = not given */
    jm_str_t alt;
} jm_remote_image_t;

/* What was taken out for safety, counted. */
typedef struct {
    uint32_t script, form, media, image, style, frame, link, other;
} jm_removed_t;

typedef struct {
    jm_str_t html; /* a fragment, one <div class="jm-body">; data NULL: none */
    jm_str_t text; /* readable plain text of it */

    jm_tracker_t      *trackers;
    size_t             ntrackers;
    jm_tracker_t      *possible; /* without a vendor; held back for good */
    size_t             npossible;
    jm_warning_t      *warnings;
    size_t             nwarnings;
    jm_link_t         *links;
    size_t             nlinks;
    jm_remote_image_t *images;
    size_t             nimages;
    jm_removed_t       removed;
    const jm_sender_t *sender;  /* as given; may be NULL */
    unsigned           cut : 1; /* a limit was hit; the rest is missing */
} jm_html_t;

/*
 * Looks up a cid: reference among the mail's own parts.  Returns the
 * attachment's number (from 1) when it may be shown inline (raster image whose
 * magic bytes agree), 0 when not.
 */
typedef uint32_t (*jm_html_cid_pt)(void *data, jm_str_t content_id);

/*
 * Cleans `source`, into which `out` may then point.  Inline images get the
 * relative source `attachments/<n>`. `sender` tells what to look for in its
 * URLs; NULL: nothing.  Never fails; over a limit the rest is cut and `cut`
 * set.
 */
void jm_html_clean(jm_html_t *out, jm_arena_t *arena, jm_str_t source,
                   jm_html_cid_pt cid, void *data, const jm_sender_t *sender);

/*
 * Plain text as HTML of the same canonical form: escaped, links clickable,
 * quotes and line ends kept.  Fills html, links, warnings and trackers only.
 */
void jm_html_from_text(jm_html_t *out, jm_arena_t *arena, jm_str_t text,
                       const jm_sender_t *sender);

/*
 * Once per process, before the first message and before privileges are
 * dropped: libxml2's tables, and the lists.
 */
void jm_html_init(void);

#endif /* JM_HTML_H */
