/*
 * The first look of html_pixel.h: one walk that collects the images, then what
 * only the whole mail tells of each.
 */

#include "html_pixel.h"

#include "html_image.h"
#include "html_str.h"

#define JM_PIXEL_AHEAD 300 /* images of a link that are looked for */
#define JM_PIXEL_DEPTH 256 /* of elements around an image that are asked */
#define JM_PIXEL_PROBE 64  /* slots looked at: addresses may crowd */

/* An element around the image looked at last, and whether it hides it. */
typedef struct {
    const xmlNode *node;
    unsigned       hidden : 1;
} jm_pixel_around_t;

typedef struct {
    jm_writer_t      *w;
    jm_pixels_t      *pixels;
    size_t            room;
    jm_pixel_around_t around[JM_PIXEL_DEPTH];
    uint32_t          seen;   /* texts and pictures */
    unsigned          tables; /* begun */
    unsigned          inside; /* of them, around here */
} jm_pixel_walk_t;

/* A set of strings by their hash; those with one hash count as one, and those
 * that find no slot near theirs as none. */
typedef struct {
    uint32_t *slots;
    size_t    mask;
} jm_pixel_set_t;


static void
jm_pixel_set_init(jm_pixel_set_t *set, jm_arena_t *arena, size_t n)
{
    size_t size;

    for (size = 16; size < 2 * n; size *= 2) {
        /* void */
    }

    set->slots = jm_arena_alloc(arena, size * sizeof(uint32_t));
    set->mask = size - 1;
}


/* Was it there?  With `add`, it is from now on. */
static int
jm_pixel_set_has(jm_pixel_set_t *set, jm_str_t str, int add)
{
    size_t   i, n;
    uint32_t hash;

    hash = jm_html_hash(str) | 1; /* never 0 */
    i = (hash >> 1) & set->mask;

    for (n = 0; n < JM_PIXEL_PROBE; n++) {
        if (set->slots[i] == hash) {
            return 1;
        }

        if (set->slots[i] == 0) {
            set->slots[i] = add ? hash : 0;
            return 0;
        }

        i = (i + 1) & set->mask;
    }

    return 0;
}


/*
 * Does any element around this one hide it?  The way up is compared with that
 * of the image before, so that each element's style is resolved once.
 */
static int
jm_pixel_is_covered(jm_pixel_walk_t *walk, const xmlNode *node)
{
    int                hidden;
    size_t             i, n;
    jm_props_t         props;
    jm_style_t         style;
    const xmlNode     *up[JM_PIXEL_DEPTH], *parent;
    jm_pixel_around_t *around;

    n = 0;

    for (parent = node->parent;
         parent != NULL && parent->type == XML_ELEMENT_NODE
         && n < JM_PIXEL_DEPTH;
         parent = parent->parent)
    {
        up[n++] = parent;
    }

    hidden = 0;

    for (i = 0; i < n; i++) {
        around = &walk->around[i];
        parent = up[n - 1 - i];

        if (around->node != parent) {
            around->node = parent;
            around->hidden = 0;

            if (parent->properties != NULL
                && jm_node_tag(parent) != JM_TAG_body) {
                jm_attr_read(&props, parent);
                jm_attr_style(walk->w, &props, 0);
                jm_style_of(&style, walk->w, jm_node_tag(parent), &props);
                around->hidden = style.hidden;
            }
        }

        hidden |= around->hidden;
    }

    return hidden;
}


/* What the element itself says. */
static void
jm_pixel_look(jm_pixel_walk_t *walk, jm_pixel_image_t *image,
              jm_props_t *props)
{
    jm_style_t       style;
    jm_prop_t       *alt;
    jm_pixel_look_t *look;

    look = &image->look;
    alt = props->prop[JM_ATTR_alt];

    jm_attr_style(walk->w, props, 0);
    jm_style_of(&style, walk->w, JM_TAG_img, props);

    look->width = (style.width >= 0) ? style.width : -1;
    look->height = (style.height >= 0) ? style.height : -1;
    look->hidden = style.display == JM_DISPLAY_NONE || style.invisible
                   || style.transparent || style.clipped || style.outside
                   || (style.collapsed && look->width != 0
                       && look->height != 0);
    look->hidden_above = jm_pixel_is_covered(walk, image->node);
    look->shown_else = style.may_be_shown || style.may_be_larger;
    look->alt = (alt != NULL && !jm_html_is_blank(alt->raw));

    image->before = walk->seen;
    image->loose = (walk->tables != 0 && walk->inside == 0);
    image->seen = !look->hidden && !look->hidden_above
                  && (look->width < 0 || look->width > 3)
                  && (look->height < 0 || look->height > 3);
}


/* "https://proxy.example/x#https://a.example/y" tells a.example. */
static jm_url_t
jm_pixel_inner(jm_arena_t *arena, const jm_url_t *url)
{
    jm_str_t      rest;
    jm_url_t      inner;
    const u_char *hash;

    rest = url->rest;
    hash = memchr(rest.data, '#', rest.len);

    if (hash != NULL) {
        rest.len -= (size_t) (hash + 1 - rest.data);
        rest.data = (u_char *) hash + 1;

        if (rest.len > 8 && memcmp(rest.data, "http", 4) == 0
            && jm_url_parse(&inner, arena, rest) == 0 && inner.host.len != 0)
        {
            return inner;
        }
    }

    return *url;
}


static void
jm_pixel_image(jm_pixel_walk_t *walk, const xmlNode *node)
{
    jm_str_t          raw;
    jm_url_t          url;
    jm_props_t        props;
    jm_pixels_t      *pixels;
    jm_pixel_image_t *image;

    jm_attr_read(&props, node);
    raw = jm_img_raw(&props);

    /* most data: URLs are long, and none of them matters here */
    if (raw.len == 0 || (raw.data[0] | 0x20) == 'd'
        || jm_url_parse(&url, walk->w->arena, raw) != 0 || url.host.len == 0)
    {
        walk->seen++;
        return;
    }

    pixels = walk->pixels;

    if (pixels->n == walk->room) {
        walk->room = (walk->room == 0) ? 16 : 2 * walk->room;
        image = jm_arena_alloc(walk->w->arena,
                               walk->room * sizeof(jm_pixel_image_t));

        if (pixels->n != 0) {
            memcpy(image, pixels->images,
                   pixels->n * sizeof(jm_pixel_image_t));
        }

        pixels->images = image;
    }

    image = &pixels->images[pixels->n++];
    image->node = node;
    image->url = url;
    jm_pixel_look(walk, image, &props);
    walk->seen += image->seen;
}


static void
jm_pixel_node(jm_pixel_walk_t *walk, const xmlNode *node)
{
    jm_str_t text;

    if (node->type == XML_TEXT_NODE) {
        text.data = node->content;
        text.len = strlen((char *) node->content);
        walk->seen += !jm_html_is_blank(text);
        return;
    }

    switch (jm_node_tag(node)) {

    case JM_TAG_img:
        jm_pixel_image(walk, node);
        return;

    case JM_TAG_table:
        walk->tables++;
        walk->inside++;
        return;

    default:
        return;
    }
}


static void
jm_pixel_verdict(jm_pixel_walk_t *walk, jm_pixel_image_t *image)
{
    jm_url_t   inner;
    jm_pixel_t verdict;

    image->look.edge = image->before == 0 || image->loose
                       || image->before + image->seen == walk->seen;
    image->host = image->url.host;

    jm_pixel_judge(&image->verdict, &image->look, &image->url,
                   walk->w->out->sender);

    inner = jm_pixel_inner(walk->w->arena, &image->url);

    if (inner.host.data != image->url.host.data) {
        jm_pixel_judge(&verdict, &image->look, &inner, walk->w->out->sender);

        if (verdict.score > image->verdict.score
            || verdict.is > image->verdict.is || verdict.named)
        {
            image->verdict = verdict;
            image->host = inner.host;
        }
    }
}


void
jm_pixel_scan(jm_writer_t *w, xmlNode *body)
{
    size_t            i;
    const xmlNode    *node;
    jm_pixel_set_t    host, hosts, once, twice;
    jm_pixel_walk_t   walk;
    jm_pixel_image_t *image;

    memset(&walk, 0, sizeof(jm_pixel_walk_t));
    walk.w = w;
    walk.pixels = jm_arena_alloc(w->arena, sizeof(jm_pixels_t));
    w->pixels = walk.pixels;

    for (node = body->children; node != NULL; /* void */) {
        jm_pixel_node(&walk, node);

        if (node->type == XML_ELEMENT_NODE && node->children != NULL) {
            node = node->children;
            continue;
        }

        walk.inside -= (node->type == XML_ELEMENT_NODE
                        && jm_node_tag(node) == JM_TAG_table);

        while (node->next == NULL && node->parent != body) {
            node = node->parent;
            walk.inside -= (jm_node_tag(node) == JM_TAG_table);
        }

        node = node->next;
    }

    jm_pixel_set_init(&host, w->arena, walk.pixels->n);
    jm_pixel_set_init(&hosts, w->arena, walk.pixels->n);
    jm_pixel_set_init(&once, w->arena, walk.pixels->n);
    jm_pixel_set_init(&twice, w->arena, walk.pixels->n);

    for (i = 0; i < walk.pixels->n; i++) {
        image = &walk.pixels->images[i];

        if (image->seen && jm_pixel_set_has(&host, image->url.host, 1)) {
            jm_pixel_set_has(&hosts, image->url.host, 1);
        }

        if (jm_pixel_set_has(&once, image->url.href, 1)) {
            jm_pixel_set_has(&twice, image->url.href, 1);
        }
    }

    for (i = 0; i < walk.pixels->n; i++) {
        image = &walk.pixels->images[i];
        image->look.apart = !jm_pixel_set_has(image->seen ? &hosts : &host,
                                              image->url.host, 0);
        image->look.repeated = jm_pixel_set_has(&twice, image->url.href, 0);
        jm_pixel_verdict(&walk, image);
    }
}


const jm_pixel_image_t *
jm_pixel_peek(jm_writer_t *w, const xmlNode *node)
{
    size_t       i;
    jm_pixels_t *pixels;

    pixels = w->pixels;

    for (i = pixels->next; i < pixels->n && i < pixels->next + JM_PIXEL_AHEAD;
         i++) {
        if (pixels->images[i].node == node) {
            return &pixels->images[i];
        }
    }

    return NULL;
}


const jm_pixel_image_t *
jm_pixel_of(jm_writer_t *w, const xmlNode *node)
{
    jm_pixels_t *pixels;

    pixels = w->pixels;

    while (pixels->next < pixels->n) {
        if (pixels->images[pixels->next++].node == node) {
            return &pixels->images[pixels->next - 1];
        }
    }

    return NULL;
}
