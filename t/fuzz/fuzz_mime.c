/*
 * Any bytes as a message, all the way to what would be stored: reading must
 * not crash or leak, and what comes out must be valid UTF-8 without NUL.
 */

#include <stdint.h>
#include <stdlib.h>

#include "charset.h"
#include "html.h"
#include "message.h"
#include "mime.h"
#include "render.h"

#define CEILING (64 * 1024 * 1024)

static jm_arena_t       *arena;
static jm_message_t      message;
static jm_rendered_t     shared;
static jm_rendered_for_t mail;


static void
check(jm_str_t s)
{
    if (s.len != 0
        && (!jm_charset_valid(s) || memchr(s.data, 0, s.len) != NULL)) {
        abort();
    }
}


static void
check_message(void)
{
    size_t i;

    check(message.subject);
    check(message.from);
    check(message.from_name);
    check(message.text);
    check(message.html);
    check(message.preview);
    check(mail.summary);
    check(mail.search);

    for (i = 0; i < message.nattachments; i++) {
        check(message.attachments[i].filename);
        check(message.attachments[i].content_type);
        check(message.attachments[i].content_id);
        check(shared.parts[i].disposition);

        if (message.attachments[i].filename.len == 0
            || message.attachments[i].filename.len > 255)
        {
            abort();
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (arena == NULL) {
        arena = jm_arena_create(CEILING);

        if (arena == NULL || jm_mime_init() != 0) {
            abort();
        }

        jm_html_init();
    }

    jm_arena_reset(arena);

    if (setjmp(*jm_arena_guard(arena)) != 0) {
        return 0;
    }

    jm_message_read(&message, arena, jm_arena_str(arena, data, size));
    jm_render_shared(&shared, &message);
    jm_render_for(&mail, &message, "01890000-0000-7000-8000-000000000001",
                  "01890000-0000-7000-8000-000000000002", jm_str("a@b"), 0);
    check_message();

    return 0;
}
