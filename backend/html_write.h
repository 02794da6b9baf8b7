/*
 * The canonical writer: escaped text and attributes into the output, and the
 * state of one output on its way.
 *
 * Called by the files that judge and by html_plain.c; everything lives in the
 * arena.
 */

#ifndef JM_HTML_WRITE_H
#define JM_HTML_WRITE_H

#include "css_sheet.h"
#include "html.h"
#include "html_node.h"
#include "link_clean.h"
#include "text.h"
#include "url.h"

#define JM_WRITE_STYLES 256

/* An element being written. */
typedef struct {
    jm_tag_t     tag;
    jm_display_t display;
    unsigned     hidden : 1;
    unsigned     tiny : 1; /* text of at most a pixel */
} jm_written_t;

/* The remote images and the verdict on each (html_pixel.h). */
typedef struct jm_pixels_s jm_pixels_t;

typedef struct {
    jm_arena_t     *arena;
    jm_html_t      *out;
    jm_buf_t        html;
    jm_buf_t        value; /* of the attribute being written */
    size_t          limit;
    jm_text_t       text;
    jm_written_t    open[JM_HTML_MAX_DEPTH + 1];
    size_t          depth;
    unsigned        hidden;      /* open elements that are not shown */
    size_t          hidden_text; /* characters */
    unsigned        pre;         /* open ones */
    size_t          pre_start;   /* where the last one's content begins */
    unsigned        in_link : 1;
    unsigned        full : 1;
    jm_pixels_t    *pixels;
    jm_url_t        link_was; /* as the mail has it */
    jm_link_clean_t link;
    jm_buf_t        link_text;
    jm_sheet_t     *sheet; /* of the mail's style blocks; NULL: none */
    jm_prop_t      *styles[JM_WRITE_STYLES]; /* judged, by hash */
    jm_html_cid_pt  cid;
    void           *cid_data;
} jm_writer_t;

/* `size`: of the source, in bytes; the output's limit follows from it. */
void jm_writer_init(jm_writer_t *w, jm_html_t *out, jm_arena_t *arena,
                    size_t size);

/* 0 where the output has reached its limit: no tag may begin there. */
int jm_write_room(jm_writer_t *w);

/*
 * Text (attribute 0) or an attribute's value, so that no parser can take it
 * for anything else.
 */
void jm_write_escaped(jm_writer_t *w, jm_str_t str, int attribute);

/* What will be seen of a text: characters in place of controls, no escapes. */
void jm_write_shown(jm_buf_t *buf, jm_str_t text);

/* Text, as much of it as there is room for. */
void jm_write_text(jm_writer_t *w, jm_str_t text);

/* ` name="value"` */
void jm_write_attr(jm_writer_t *w, const char *name, jm_str_t value);

#endif /* JM_HTML_WRITE_H */
