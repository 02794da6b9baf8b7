/*
 * The reader behind tnef.h.  A TNEF stream is a row of attributes, each with a
 * length; two of them hold MAPI properties, again with types and lengths.
 * Every number of the stream is checked against what is left of it; what does
 * not fit ends the reading, and what was read until then counts.
 */

#include "tnef.h"

#include "charset.h"
#include "rtf.h"

#define JM_TNEF_SIGNATURE  0x223e9f78
#define JM_TNEF_PROPERTIES 10000 /* read of one attribute */

#define JM_TNEF_TITLE      0x00018010
#define JM_TNEF_DATA       0x0006800f
#define JM_TNEF_ATTACHMENT 0x00069002 /* a new one begins */
#define JM_TNEF_MESSAGE    0x00069003 /* properties of the message */
#define JM_TNEF_FILE       0x00069005 /* properties of the attachment */

#define JM_MAPI_BINARY   0x0102
#define JM_MAPI_OBJECT   0x000d
#define JM_MAPI_STRING   0x001e
#define JM_MAPI_UNICODE  0x001f
#define JM_MAPI_MULTIPLE 0x1000

#define JM_MAPI_BODY       0x1000
#define JM_MAPI_RTF        0x1009
#define JM_MAPI_HTML       0x1013
#define JM_MAPI_FILE_DATA  0x3701
#define JM_MAPI_FILE_NAME  0x3707
#define JM_MAPI_FILE_TYPE  0x370e
#define JM_MAPI_CONTENT_ID 0x3712

/* What is left to read. */
typedef struct {
    const u_char *p;
    const u_char *end;
} jm_tnef_in_t;

typedef struct {
    unsigned type;
    unsigned id;
    jm_str_t value; /* the first one */
} jm_tnef_property_t;


static int
jm_tnef_u32(jm_tnef_in_t *in, uint32_t *value)
{
    if (in->end - in->p < 4) {
        return -1;
    }

    *value = in->p[0] | in->p[1] << 8 | in->p[2] << 16
             | (uint32_t) in->p[3] << 24;
    in->p += 4;

    return 0;
}


/* The next `len` bytes, and past them to a multiple of four if `padded`. */
static int
jm_tnef_bytes(jm_tnef_in_t *in, size_t len, int padded, jm_str_t *bytes)
{
    size_t left, pad;

    left = in->end - in->p;

    if (len > left) {
        return -1;
    }

    bytes->data = (u_char *) in->p;
    bytes->len = len;
    pad = padded ? (4 - len % 4) % 4 : 0;
    in->p += len + pad < left ? len + pad : left;

    return 0;
}


/* How long a value of this type is; 0: it says so itself. */
static size_t
jm_tnef_fixed(unsigned type)
{
    switch (type) {

    case JM_MAPI_BINARY:
    case JM_MAPI_OBJECT:
    case JM_MAPI_STRING:
    case JM_MAPI_UNICODE:
        return 0;

    case 0x0005: /* double */
    case 0x0006: /* currency */
    case 0x0007: /* time of an application */
    case 0x0014: /* 64 bits */
    case 0x0040: /* time of a system */
        return 8;

    case 0x0048: /* GUID */
        return 16;

    default: /* all others have four bytes, or are padded to them */
        return 4;
    }
}


/* The name of a named property, which nobody here asks for. */
static int
jm_tnef_named(jm_tnef_in_t *in)
{
    uint32_t kind, len;
    jm_str_t skipped;

    if (jm_tnef_bytes(in, 16, 0, &skipped) != 0 || jm_tnef_u32(in, &kind) != 0
        || jm_tnef_u32(in, &len) != 0)
    {
        return -1;
    }

    return kind == 0 ? 0 : jm_tnef_bytes(in, len, 1, &skipped);
}


static int
jm_tnef_property(jm_tnef_in_t *in, jm_tnef_property_t *property)
{
    size_t   fixed;
    uint32_t word, n, i, len;
    jm_str_t value;

    if (jm_tnef_u32(in, &word) != 0) {
        return -1;
    }

    property->type = word & 0xffff & ~JM_MAPI_MULTIPLE;
    property->id = word >> 16;
    property->value = jm_str("");

    if (property->id >= 0x8000 && jm_tnef_named(in) != 0) {
        return -1;
    }

    fixed = jm_tnef_fixed(property->type);
    n = 1;

    if (((word & JM_MAPI_MULTIPLE) || fixed == 0) && jm_tnef_u32(in, &n) != 0)
    {
        return -1;
    }

    for (i = 0; i < n; i++) {
        len = fixed;

        if ((fixed == 0 && jm_tnef_u32(in, &len) != 0)
            || jm_tnef_bytes(in, len, 1, &value) != 0)
        {
            return -1;
        }

        if (i == 0) {
            property->value = value;
        }
    }

    return 0;
}


/* A text property as bytes without the NUL at its end: UTF-8 if the stream
 * says UTF-16. */
static jm_str_t
jm_tnef_text(jm_arena_t *arena, const jm_tnef_property_t *property)
{
    jm_buf_t buf;
    jm_str_t text;

    text = property->value;

    if (property->type == JM_MAPI_UNICODE) {
        jm_buf_init(&buf, arena, text.len * 2 + 4);
        text.len &= ~(size_t) 1;
        jm_charset_append(&buf, text, jm_charset_find(jm_str("utf-16le")));
        text = buf.len == 0 ? jm_str("") : jm_buf_str(&buf);
    }

    while (text.len != 0 && text.data[text.len - 1] == '\0') {
        text.len--;
    }

    return text;
}


static void
jm_tnef_rich_text(jm_tnef_t *tnef, jm_arena_t *arena, jm_str_t packed)
{
    int      html;
    jm_str_t text;

    if (tnef->rich) {
        return;
    }

    tnef->rich = 1;
    text = jm_rtf_read(arena, jm_rtf_unpack(arena, packed), &html);

    if (html && tnef->html.len == 0) {
        tnef->html = text;

    } else if (!html && tnef->text.len == 0) {
        tnef->text = text;
    }
}


static void
jm_tnef_message(jm_tnef_t *tnef, jm_arena_t *arena,
                const jm_tnef_property_t *property)
{
    switch (property->id) {

    case JM_MAPI_BODY:
        tnef->text = jm_tnef_text(arena, property);
        break;

    case JM_MAPI_HTML:
        tnef->html = jm_tnef_text(arena, property);
        break;

    case JM_MAPI_RTF:
        jm_tnef_rich_text(tnef, arena, property->value);
        break;

    default:
        break;
    }
}


static void
jm_tnef_file(jm_tnef_file_t *file, jm_arena_t *arena,
             const jm_tnef_property_t *property)
{
    switch (property->id) {

    case JM_MAPI_FILE_DATA:

        /* An object, such as a mail in the mail, has its class in front. */

        if (property->type == JM_MAPI_BINARY) {
            file->data = property->value;

        } else if (property->value.len > 16) {
            file->data.data = property->value.data + 16;
            file->data.len = property->value.len - 16;
        }

        break;

    case JM_MAPI_FILE_NAME:
        file->name = jm_tnef_text(arena, property);
        break;

    case JM_MAPI_FILE_TYPE:
        file->type = jm_tnef_text(arena, property);
        break;

    case JM_MAPI_CONTENT_ID:
        file->content_id = jm_tnef_text(arena, property);
        break;

    default:
        break;
    }
}


/* The properties of an attribute: of `file`, or of the message if NULL. */
static void
jm_tnef_properties(jm_tnef_t *tnef, jm_arena_t *arena, jm_tnef_file_t *file,
                   jm_str_t value)
{
    uint32_t           i, n;
    jm_tnef_in_t       in;
    jm_tnef_property_t property;

    in.p = value.data;
    in.end = value.data + value.len;

    if (jm_tnef_u32(&in, &n) != 0) {
        return;
    }

    for (i = 0; i < n; i++) {
        if (i == JM_TNEF_PROPERTIES || jm_tnef_property(&in, &property) != 0) {
            tnef->cut = 1;
            return;
        }

        if (file != NULL) {
            jm_tnef_file(file, arena, &property);
        } else {
            jm_tnef_message(tnef, arena, &property);
        }
    }
}


/* 0, or -1 when there is no room for one more file. */
static int
jm_tnef_attribute(jm_tnef_t *tnef, jm_arena_t *arena, uint32_t id,
                  jm_str_t value)
{
    jm_tnef_file_t *file;

    file = tnef->nfiles == 0 ? NULL : &tnef->files[tnef->nfiles - 1];

    if (id == JM_TNEF_MESSAGE) {
        jm_tnef_properties(tnef, arena, NULL, value);

    } else if (id == JM_TNEF_ATTACHMENT) {
        if (tnef->nfiles == JM_TNEF_FILES) {
            return -1;
        }

        tnef->nfiles++;

    } else if (file == NULL) {
        return 0;

    } else if (id == JM_TNEF_FILE) {
        jm_tnef_properties(tnef, arena, file, value);

    } else if (id == JM_TNEF_DATA) {
        file->data = value;

    } else if (id == JM_TNEF_TITLE && file->name.len == 0) {
        file->name = value;

        while (file->name.len != 0
               && file->name.data[file->name.len - 1] == '\0') {
            file->name.len--;
        }
    }

    return 0;
}


int
jm_tnef_read(jm_tnef_t *tnef, jm_arena_t *arena, jm_str_t data)
{
    uint32_t     signature, id, len;
    jm_str_t     value, skipped;
    jm_tnef_in_t in;

    memset(tnef, 0, sizeof(jm_tnef_t));
    in.p = data.data;
    in.end = data.data + data.len;

    if (jm_tnef_u32(&in, &signature) != 0 || signature != JM_TNEF_SIGNATURE
        || jm_tnef_bytes(&in, 2, 0, &skipped) != 0)
    {
        return -1;
    }

    while (in.p < in.end) {

        /* level, id, length, value, checksum */

        if (jm_tnef_bytes(&in, 1, 0, &skipped) != 0
            || jm_tnef_u32(&in, &id) != 0 || jm_tnef_u32(&in, &len) != 0
            || jm_tnef_bytes(&in, len, 0, &value) != 0
            || jm_tnef_bytes(&in, 2, 0, &skipped) != 0
            || jm_tnef_attribute(tnef, arena, id, value) != 0)
        {
            tnef->cut = 1;
            break;
        }
    }

    return 0;
}
