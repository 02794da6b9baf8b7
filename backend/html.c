/*
 * The sanitiser behind html.h, from top to bottom.  Nothing of a mail is
 * passed on: its source becomes a tree, the tree is judged node by node
 * against the tables of html_table.h, and what may stay is written anew from
 * text, names of our tables and checked values.
 */

#include "html.h"

#include <stdlib.h>

#include "html_judge.h"
#include "html_plain.h"
#include "html_report.h"
#include "html_str.h"
#include "html_token.h"
#include "html_tree.h"
#include "html_write.h"
#include "params.h"
#include "redirect.h"
#include "trackers.h"
#include "url.h"

#define JM_HTML_MAX_SOURCE (2 * 1024 * 1024)


void
jm_html_init(void)
{
    jm_node_init();
    jm_url_init();
    jm_tracker_init();

    if (jm_redirect_init() != 0 || jm_params_init() != 0) {
        abort(); /* our own lists, which the tests read */
    }
}


/* What is read of a mail: at most so much, in well-formed characters. */
static jm_str_t
jm_html_source(jm_html_t *out, jm_arena_t *arena, jm_str_t source)
{
    memset(out, 0, sizeof(jm_html_t));

    if (source.len == 0) {
        source = jm_str("");
    }

    if (source.len > JM_HTML_MAX_SOURCE) {
        source = jm_html_cut(source, JM_HTML_MAX_SOURCE);
        out->cut = 1;
    }

    return jm_html_preprocess(arena, source);
}


void
jm_html_clean(jm_html_t *out, jm_arena_t *arena, jm_str_t source,
              jm_html_cid_pt cid, void *data, const jm_sender_t *sender)
{
    xmlNode     *body;
    jm_blocks_t *blocks;
    jm_writer_t  w;

    source = jm_html_source(out, arena, source);
    out->sender = sender;
    blocks = jm_arena_alloc(arena, sizeof(jm_blocks_t));
    body = jm_tree_build(out, arena, source, blocks);

    jm_writer_init(&w, out, arena, source.len);
    jm_judge_blocks(&w, body, blocks);
    w.cid = cid;
    w.cid_data = data;
    jm_judge_tree(&w, body);
    jm_report_finish(out, arena);

    out->html = jm_buf_str(&w.html);
    out->text = jm_text_str(&w.text);
}


void
jm_html_from_text(jm_html_t *out, jm_arena_t *arena, jm_str_t text,
                  const jm_sender_t *sender)
{
    jm_writer_t w;

    text = jm_html_source(out, arena, text);
    out->sender = sender;

    /* the space that jm_html_clean() would not keep in front either */
    while (text.len != 0 && jm_html_space(text.data[0])) {
        text.data++;
        text.len--;
    }

    jm_writer_init(&w, out, arena, text.len);
    jm_plain_write(&w, text);
    jm_report_finish(out, arena);

    out->html = jm_buf_str(&w.html);
}
