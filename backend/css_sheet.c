/*
 * The sheets of css_sheet.h: css-syntax-3, 5.4.1 to 5.4.3, of the rules that
 * are kept.  What is written is its own result again: it stays within the
 * limits that it is read with.
 */

#include "css_sheet.h"

#include "css_media.h"
#include "css_parse.h"

#define JM_SHEET_MAX_SIZE  (256 * 1024) /* of all blocks, in and out */
#define JM_SHEET_MAX_RULES 2000
#define JM_SHEET_MAX_DEPTH 8 /* of @media and @supports in one another */

/* Kept for the "}" of all open blocks. */
#define JM_SHEET_ROOM 16

/* A sheet may grow by its selectors, in proportion. */
#define JM_SHEET_SLACK (16 * 1024)

/* A block being read. */
typedef struct {
    size_t     start; /* its "@media … {" in the output */
    size_t     body;  /* behind that; equal to `start`: nothing was written */
    jm_media_t media;
} jm_sheet_level_t;


void
jm_sheet_init(jm_sheet_t *sheet, jm_arena_t *arena,
              const jm_css_scope_t *scope)
{
    memset(sheet, 0, sizeof(jm_sheet_t));
    sheet->arena = arena;
    sheet->scope = *scope;
    jm_buf_init(&sheet->out, arena, SIZE_MAX);
    jm_css_rules_init(&sheet->rules, arena);
}


/* At most so much is written of what was read until now. */
static size_t
jm_sheet_limit(const jm_sheet_t *sheet)
{
    size_t limit;

    limit = 2 * sheet->read + JM_SHEET_SLACK;

    return limit < JM_SHEET_MAX_SIZE ? limit : JM_SHEET_MAX_SIZE;
}


/* What a rule would have fetched. */
static void
jm_sheet_note(jm_sheet_t *sheet, const jm_css_info_t *info)
{
    size_t i;

    sheet->dropped += info->dropped;

    for (i = 0; i < info->nurls && sheet->nurls < JM_SHEET_MAX_URLS; i++) {
        sheet->urls[sheet->nurls++] = info->urls[i];
    }
}


/*
 * A style rule, from its selectors: read, and written if anything is left.
 */
static void
jm_sheet_rule(jm_sheet_t *sheet, jm_css_t *css, jm_media_t media)
{
    size_t        n, start, body;
    unsigned      nested;
    jm_buf_t     *out;
    jm_css_info_t info;
    jm_css_keys_t keys;

    out = &sheet->out;
    start = out->len;
    n = jm_css_selectors(css, out, &keys, &sheet->scope);

    if (!jm_css_is_delim(css, '{')) {
        out->len = start;
        return;
    }

    if (n == 0 || sheet->nrules == JM_SHEET_MAX_RULES) {
        sheet->cut |= (n != 0);
        out->len = start;
        jm_css_skip_block(css);
        return;
    }

    jm_buf_addc(out, '{');
    body = out->len;

    memset(&info, 0, sizeof(jm_css_info_t));
    nested = css->nested;
    css->nested = 1;
    jm_css_next(css);
    jm_css_block(css, &info, out, 1);
    css->nested = nested;
    jm_css_next(css);
    jm_sheet_note(sheet, &info);

    if (media == JM_MEDIA_ALWAYS || media == JM_MEDIA_SOMETIMES) {
        jm_css_rules_add(&sheet->rules, &keys, &info.look,
                         media == JM_MEDIA_SOMETIMES);
    }

    if (out->len == body) {
        out->len = start;
        return;
    }

    jm_buf_addc(out, '}');

    if (out->len + JM_SHEET_ROOM > jm_sheet_limit(sheet)) {
        out->len = start;
        sheet->cut = 1;
        return;
    }

    sheet->nrules++;
}


/*
 * Begins the block of @media or @supports; the current token is its "{".  A
 * condition that adds nothing is not written.
 */
static void
jm_sheet_open(jm_sheet_t *sheet, jm_sheet_level_t *level, jm_media_t media,
              jm_str_t query)
{
    jm_sheet_level_t *outer;

    outer = level - 1;
    level->start = sheet->out.len;
    level->media = outer->media;

    if (media == JM_MEDIA_PRINT || outer->media == JM_MEDIA_ALWAYS) {
        level->media = media;
    }

    if (query.len != 0) {
        jm_buf_adds(&sheet->out, "@media ");
        jm_buf_add(&sheet->out, query.data, query.len);
        jm_buf_addc(&sheet->out, '{');
    }

    level->body = sheet->out.len;
}


static void
jm_sheet_close(jm_sheet_t *sheet, const jm_sheet_level_t *level)
{
    if (sheet->out.len == level->body) {
        sheet->out.len = level->start;

    } else if (level->body != level->start) {
        jm_buf_addc(&sheet->out, '}');
    }
}


/*
 * At "@media" or "@supports": a block that is to be read, or NEVER if it is
 * dropped, which is left to the caller.
 */
static jm_media_t
jm_sheet_condition(jm_css_t *css, jm_buf_t *query)
{
    jm_media_t media;

    media = JM_MEDIA_NEVER;

    if (jm_css_is(css->token.text, "media")) {
        jm_css_next(css);
        media = jm_css_media(css, query);

    } else if (jm_css_is(css->token.text, "supports")) {
        jm_css_next(css);
        media = jm_css_supports(css) ? JM_MEDIA_ALWAYS : JM_MEDIA_NEVER;
    }

    return jm_css_is_delim(css, '{') ? media : JM_MEDIA_NEVER;
}


/* An at-rule.  Returns 1 when a level was opened. */
static int
jm_sheet_at_rule(jm_sheet_t *sheet, jm_css_t *css, jm_sheet_level_t *level,
                 int deep)
{
    jm_buf_t   query;
    jm_css_t   begin;
    jm_media_t media;

    begin = *css;
    jm_buf_init(&query, sheet->arena, SIZE_MAX);
    media = jm_sheet_condition(css, &query);

    if (media == JM_MEDIA_NEVER || deep
        || sheet->out.len + query.len + JM_SHEET_ROOM > jm_sheet_limit(sheet))
    {
        *css = begin;
        jm_css_skip_rule(css);
        return 0;
    }

    jm_css_next(css);
    jm_sheet_open(sheet, level, media, jm_buf_str(&query));

    return 1;
}


/* The rules of one block, those of @media and @supports among them. */
static void
jm_sheet_read(jm_sheet_t *sheet, jm_css_t *css, jm_media_t media)
{
    size_t           depth;
    jm_sheet_level_t level[JM_SHEET_MAX_DEPTH + 1];

    memset(level, 0, sizeof(level));
    level[0].media = media;
    depth = 0;

    for (;;) {
        if (css->token.kind == JM_CSS_SPACE
            || (depth == 0
                && (css->token.kind == JM_CSS_CDO
                    || css->token.kind == JM_CSS_CDC)))
        {
            jm_css_next(css);

        } else if (css->token.kind == JM_CSS_EOF) {
            break;

        } else if (depth != 0 && jm_css_is_delim(css, '}')) {
            jm_sheet_close(sheet, &level[depth--]);
            css->nested = (depth != 0);
            jm_css_next(css);

        } else if (css->token.kind == JM_CSS_AT) {
            depth += (size_t) jm_sheet_at_rule(sheet, css, &level[depth + 1],
                                               depth == JM_SHEET_MAX_DEPTH);
            css->nested = (depth != 0);

        } else {
            jm_sheet_rule(sheet, css, level[depth].media);
        }
    }

    while (depth > 0) {
        jm_sheet_close(sheet, &level[depth--]);
    }
}


void
jm_sheet_add(jm_sheet_t *sheet, jm_str_t source, jm_str_t media)
{
    size_t     start;
    jm_buf_t   query;
    jm_css_t   css;
    jm_media_t when;

    if (source.len > JM_SHEET_MAX_SIZE - sheet->read) {
        sheet->cut = 1;
        return;
    }

    sheet->read += source.len;
    start = sheet->out.len;

    jm_buf_init(&query, sheet->arena, SIZE_MAX);
    jm_css_init(&css, sheet->arena, media);
    jm_css_next(&css);
    when = jm_css_media(&css, &query);

    if (when == JM_MEDIA_NEVER || css.token.kind != JM_CSS_EOF) {
        return;
    }

    if (when != JM_MEDIA_ALWAYS) {
        jm_buf_adds(&sheet->out, "@media ");
        jm_buf_add(&sheet->out, query.data, query.len);
        jm_buf_addc(&sheet->out, '{');
    }

    query.len = sheet->out.len;
    jm_css_init(&css, sheet->arena, source);
    jm_css_next(&css);
    jm_sheet_read(sheet, &css, when);

    if (sheet->out.len == query.len) {
        sheet->out.len = start;

    } else if (when != JM_MEDIA_ALWAYS) {
        jm_buf_addc(&sheet->out, '}');
    }
}
