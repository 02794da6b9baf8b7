/*
 * Whole mails: for every t/golden/<name>.eml what the API would answer stands
 * next to it, as <name>.json (the Email object without its flags) and
 * <name>.html (the page).  GOLDEN_UPDATE=1 writes these files instead of
 * comparing; then read the difference before it is committed.
 */

#include "message_case.h"

#include <glob.h>

#include <cjson/cJSON.h>
#include <zlib.h>

#include "render.h"

#define ID       "01890000-0000-7000-8000-000000000001"
#define ADDRESS  "01890000-0000-7000-8000-000000000002"
#define RECEIVED 1704164645123


static char *
slurp(const char *path, size_t *len)
{
    FILE *file;
    char *data;

    file = fopen(path, "rb");

    if (file == NULL) {
        return NULL;
    }

    fseek(file, 0, SEEK_END);
    *len = ftell(file);
    rewind(file);
    data = malloc(*len + 1);
    *len = fread(data, 1, *len, file);
    data[*len] = '\0';
    fclose(file);

    return data;
}


static char *
unpack(const jm_blob_t *blob, int gzip)
{
    char    *out;
    z_stream z;

    out = malloc(blob->length + 1);
    memset(&z, 0, sizeof(z));
    assert_int_equal(inflateInit2(&z, gzip ? 31 : -15), Z_OK);
    z.next_in = blob->data.data;
    z.avail_in = blob->data.len;
    z.next_out = (u_char *) out;
    z.avail_out = blob->length + 1;
    (void) inflate(&z, Z_SYNC_FLUSH);
    assert_int_equal(z.total_out, blob->length);
    inflateEnd(&z);
    out[blob->length] = '\0';

    return out;
}


/* The rendered members as one indented object, with a last newline. */
static char *
pretty(const jm_rendered_t *shared, const jm_rendered_for_t *mail)
{
    char  *bodies, *detail, *text, *out;
    size_t size;
    cJSON *json;

    bodies = unpack(&shared->bodies, 0);
    detail = unpack(&mail->detail, 0);
    size = mail->summary.len + strlen(bodies) + strlen(detail) + 3;
    text = malloc(size);
    snprintf(text, size, "{%.*s%s%s}", (int) mail->summary.len,
             mail->summary.data, bodies, detail);
    json = cJSON_Parse(text);
    assert_non_null(json);
    free(bodies);
    free(detail);
    free(text);

    text = cJSON_Print(json);
    cJSON_Delete(json);
    size = strlen(text) + 2;
    out = malloc(size);
    snprintf(out, size, "%s\n", text);
    free(text);

    return out;
}


/* 1 when they agree; `text` is freed. */
static int
compare(const char *eml, const char *extension, char *text)
{
    int    same;
    char   path[1000], *expected;
    FILE  *file;
    size_t len;

    snprintf(path, sizeof(path), "%.*s%s", (int) strlen(eml) - 4, eml,
             extension);

    if (getenv("GOLDEN_UPDATE") != NULL) {
        file = fopen(path, "wb");
        assert_non_null(file);
        fputs(text, file);
        fclose(file);
        free(text);
        return 1;
    }

    expected = slurp(path, &len);
    same = expected != NULL && strcmp(expected, text) == 0;

    if (!same) {
        print_message("# %s: expected\n%s\n# got\n%s\n", path,
                      expected == NULL ? "(no file)" : expected, text);
    }

    free(expected);
    free(text);

    return same;
}


static void
test_golden(void **state)
{
    char             *raw;
    glob_t            found;
    size_t            i, len, wrong;
    jm_rendered_t     shared;
    jm_rendered_for_t mail;

    assert_int_equal(glob("t/golden/*.eml", 0, NULL, &found), 0);
    wrong = 0;

    for (i = 0; i < found.gl_pathc; i++) {
        raw = slurp(found.gl_pathv[i], &len);
        assert_non_null(raw);
        assert_int_equal(read_message(raw, len), 0);
        free(raw);

        jm_render_shared(&shared, &message);
        jm_render_for(&mail, &message, ID, ADDRESS,
                      jm_str("box+tag@junkmail.test"), RECEIVED);

        wrong += !compare(found.gl_pathv[i], ".json", pretty(&shared, &mail));
        wrong += !compare(found.gl_pathv[i], ".html", unpack(&shared.html, 1));
    }

    globfree(&found);
    assert_int_equal(wrong, 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
