/*
 * Cleans many files at once for t/72-browser.t: mails (*.eml) and bare HTML.
 * Prints a script that a page can load, `mails = [ … ]`, with each file's
 * HTML as it came, as it was cleaned, and whether cleaning that again changes
 * nothing.
 */

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "message.h"
#include "mime.h"

#define CEILING (256 * 1024 * 1024)


static jm_str_t
slurp(jm_arena_t *arena, const char *path)
{
    FILE    *file;
    jm_str_t data;

    file = fopen(path, "rb");

    if (file == NULL) {
        perror(path);
        exit(1);
    }

    fseek(file, 0, SEEK_END);
    data.len = (size_t) ftell(file);
    rewind(file);
    data.data = jm_arena_alloc(arena, data.len + 1);
    data.len = fread(data.data, 1, data.len, file);
    fclose(file);

    return data;
}


/* The parts of `m` that the browser's test reads. */
static void
read_file(jm_message_t *m, jm_arena_t *arena, const char *path)
{
    size_t   len;
    jm_str_t data;

    data = slurp(arena, path);
    len = strlen(path);

    if (len > 4 && strcmp(path + len - 4, ".eml") == 0) {
        jm_message_read(m, arena, data);
        return;
    }

    memset(m, 0, sizeof(jm_message_t));
    m->html = data;
    jm_html_clean(&m->clean, arena, data, NULL, NULL, NULL);
}


static void
add(cJSON *row, jm_arena_t *arena, const char *name, jm_str_t value)
{
    cJSON_AddStringToObject(row, name,
                            jm_arena_cstr(arena, value.data, value.len));
}


static void
print_file(jm_arena_t *arena, const char *path)
{
    char        *text;
    cJSON       *row;
    jm_html_t    again;
    jm_message_t m;

    read_file(&m, arena, path);

    if (m.clean.html.data == NULL) {
        return;
    }

    jm_html_clean(&again, arena, m.clean.html, NULL, NULL, NULL);

    row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "file", path);
    add(row, arena, "raw", m.html);
    add(row, arena, "clean", m.clean.html);

    if (again.html.len != m.clean.html.len
        || memcmp(again.html.data, m.clean.html.data, again.html.len) != 0)
    {
        add(row, arena, "again", again.html);
    }

    text = cJSON_PrintUnformatted(row);
    printf("%s,\n", text);
    free(text);
    cJSON_Delete(row);
}


int
main(int argc, char **argv)
{
    char        path[4096];
    jm_arena_t *arena;

    jm_html_init();
    arena = jm_arena_create(CEILING);

    if (arena == NULL || jm_mime_init() != 0
        || setjmp(*jm_arena_guard(arena)) != 0)
    {
        fprintf(stderr, "out of memory\n");
        return 1;
    }

    printf("mails = [\n");

    while (fgets(path, sizeof(path), stdin) != NULL) {
        path[strcspn(path, "\n")] = '\0';
        print_file(arena, path);
        jm_arena_reset(arena);
    }

    printf("];\n");

    return 0;
}
