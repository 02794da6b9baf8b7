/*
 * Any bytes as a message, to the answer of the API: the Email object is JSON
 * of the members that it must have, its HTML is of the grammar of
 * html_check.h, and reading the same mail again gives the same bytes.
 */

#include <stdint.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "html_check.h"
#include "message.h"
#include "mime.h"
#include "render.h"

#define CEILING (64 * 1024 * 1024)
#define ID      "01890000-0000-7000-8000-000000000001"

static jm_arena_t *arena;
static jm_str_t    email, html, again;


static void
check_email(void)
{
    size_t i;
    cJSON *json;

    static const char *const members[] = {
        "id",       "from",     "subject",     "preview",      "codes",
        "bodyText", "bodyHtml", "attachments", "headers",      "trackers",
        "removed",  "warnings", "links",       "remoteImages",
    };

    json = cJSON_ParseWithLength((char *) email.data, email.len);

    if (json == NULL) {
        abort();
    }

    for (i = 0; i < sizeof(members) / sizeof(char *); i++) {
        if (cJSON_GetObjectItemCaseSensitive(json, members[i]) == NULL) {
            abort();
        }
    }

    if (cJSON_GetArraySize(cJSON_GetObjectItem(json, "codes")) > 5) {
        abort();
    }

    cJSON_Delete(json);
}


static void
read_mail(const uint8_t *data, size_t size)
{
    jm_message_t message;

    jm_message_read(&message, arena, jm_arena_str(arena, data, size));
    email = jm_render_email(&message, ID, ID, jm_str("a@b.test"), 0);
    html = message.clean.html;
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

    read_mail(data, size);
    check_email();

    if (html.len != 0) {
        html_check(html);
    }

    again = email;
    read_mail(data, size);

    if (email.len != again.len
        || memcmp(email.data, again.data, again.len) != 0) {
        abort();
    }

    return 0;
}
