/*
 * MB/s over the HTML files of a directory, on the core that it is started on:
 * memchr, libxml2's SAX with empty handlers, libxml2's tree and serialiser,
 * and our sanitiser with CSS and trackers.  Started by t/bench/run.
 *
 *   bench DIRECTORY          measures
 *   bench --make DIRECTORY   writes newsletters to measure, where there are
 * none
 */

#define _GNU_SOURCE /* nftw, asprintf */

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <libxml/HTMLparser.h>
#include <libxml/HTMLtree.h>

#include "charset.h"
#include "html.h"

#define MAX_FILES  2000
#define MAX_SOURCE (2 * 1024 * 1024) /* what html.c reads of a mail */
#define SECONDS    2.0               /* of each, at least */
#define CEILING    (256 * 1024 * 1024)

static jm_str_t    files[MAX_FILES];
static size_t      nfiles, bytes;
static jm_arena_t *arena;
static size_t      sum; /* so that nothing is optimised away */


static int
visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    FILE    *file;
    size_t   len;
    unsigned cut;
    jm_str_t raw, text;

    len = strlen(path);

    if (type != FTW_F || len < 5 || strcmp(path + len - 5, ".html") != 0
        || nfiles == MAX_FILES)
    {
        return 0;
    }

    file = fopen(path, "rb");

    if (file == NULL) {
        return 0;
    }

    raw.data = malloc(MAX_SOURCE);
    raw.len = fread(raw.data, 1, MAX_SOURCE, file);
    fclose(file);

    /* All get what a sanitiser gets in a delivery: valid UTF-8. */

    jm_arena_reset(arena);
    text = jm_charset_body(arena, raw, JM_CHARSET_GUESS, 1, MAX_SOURCE - 1,
                           &cut);
    files[nfiles].data = malloc(text.len + 1);
    memcpy(files[nfiles].data, text.data, text.len);
    files[nfiles].data[text.len] = '\0';
    files[nfiles].len = text.len;
    free(raw.data);
    bytes += text.len;
    nfiles++;

    return 0;
}


static void
run_memchr(jm_str_t source)
{
    const u_char *p, *end;

    p = source.data;
    end = p + source.len;

    while (p < end && (p = memchr(p, '<', end - p)) != NULL) {
        sum++;
        p++;
    }
}


static void
on_start(void *data, const xmlChar *name, const xmlChar **attributes)
{
    sum++;
}


static void
on_text(void *data, const xmlChar *text, int len)
{
    sum += len;
}


static void
run_sax(jm_str_t source)
{
    xmlSAXHandler   sax;
    htmlParserCtxt *ctxt;

    memset(&sax, 0, sizeof(sax));
    sax.startElement = on_start;
    sax.characters = on_text;

    ctxt = htmlCreatePushParserCtxt(&sax, NULL, NULL, 0, NULL,
                                    XML_CHAR_ENCODING_UTF8);
    htmlCtxtUseOptions(ctxt, HTML_PARSE_RECOVER | HTML_PARSE_NOERROR
                                 | HTML_PARSE_NOWARNING | HTML_PARSE_NONET
                                 | HTML_PARSE_IGNORE_ENC | (1 << 19));
    htmlParseChunk(ctxt, (char *) source.data, source.len, 1);
    htmlFreeParserCtxt(ctxt);
}


static void
run_tree(jm_str_t source)
{
    int      len;
    xmlDoc  *doc;
    xmlChar *out;

    doc = htmlReadMemory((char *) source.data, source.len, NULL, "utf-8",
                         HTML_PARSE_RECOVER | HTML_PARSE_NOERROR
                             | HTML_PARSE_NOWARNING | HTML_PARSE_NONET
                             | HTML_PARSE_IGNORE_ENC | (1 << 19));

    if (doc == NULL) {
        return;
    }

    htmlDocDumpMemory(doc, &out, &len);
    sum += len;
    xmlFree(out);
    xmlFreeDoc(doc);
}


static uint32_t
no_cid(void *data, jm_str_t content_id)
{
    return 0;
}


static void
run_ours(jm_str_t source)
{
    jm_html_t out;

    jm_arena_reset(arena);

    if (setjmp(*jm_arena_guard(arena)) != 0) {
        fputs("bench: out of memory\n", stderr);
        exit(1);
    }

    jm_html_clean(&out, arena, source, no_cid, NULL, NULL);
    sum += out.html.len;
}


static double
now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);

    return ts.tv_sec + ts.tv_nsec / 1e9;
}


static void
measure(const char *name, void (*run)(jm_str_t source))
{
    size_t i, rounds;
    double start, spent;

    for (i = 0; i < nfiles; i++) { /* warm */
        run(files[i]);
    }

    start = now();
    rounds = 0;

    do {
        for (i = 0; i < nfiles; i++) {
            run(files[i]);
        }

        rounds++;
        spent = now() - start;
    } while (spent < SECONDS);

    printf("%-34s %9.1f MB/s\n", name, bytes * rounds / spent / 1e6);
    fflush(stdout);
}


/* A newsletter as they are: tables in tables, styles, links, one pixel. */
static void
make(const char *directory, int number)
{
    int   i;
    char *path;
    FILE *file;

    if (asprintf(&path, "%s/%d.html", directory, number) < 0
        || (file = fopen(path, "wb")) == NULL)
    {
        perror(directory);
        exit(1);
    }

    fputs("<!DOCTYPE html><html><head><meta charset=utf-8><style>"
          "body{margin:0;background:#f4f4f4}.c{width:600px}"
          "@media only screen and (max-width:600px){.c{width:100%!important}}"
          "a{color:#06c;text-decoration:none}</style></head><body>",
          file);

    for (i = 0; i < 40 + number * 10; i++) {
        fprintf(
            file,
            "<table class=c width=\"600\" cellpadding=\"0\" border=\"0\" "
            "align=\"center\"><tr><td style=\"padding:12px %dpx;"
            "font-family:Arial,sans-serif;font-size:14px;color:#333333;"
            "line-height:1.5\"><h2 style=\"margin:0\">Story %d</h2><p>What "
            "happened &amp; why it matters, in a sentence or two of the "
            "usual length, with <b>bold</b> and <i>italic</i> words.</p>"
            "<a href=\"https://click.example.net/c/%d?utm_source=news&amp;"
            "utm_medium=email&amp;id=%d\"><img src=\"https://img.example."
            "net/%d.png\" width=\"560\" height=\"200\" alt=\"Story %d\">"
            "</a></td></tr></table>\n",
            i % 30, i, i, i * 7, i, i);
    }

    fputs("<img src=\"https://open.example.net/o.gif?u=5d41402abc4b2a76b9719d"
          "911017c592\" width=1 height=1 alt=\"\"></body></html>\n",
          file);
    fclose(file);
    free(path);
}


int
main(int argc, char **argv)
{
    int i;

    if (argc == 3 && strcmp(argv[1], "--make") == 0) {
        for (i = 0; i < 20; i++) {
            make(argv[2], i);
        }

        return 0;
    }

    arena = jm_arena_create(CEILING);

    if (argc != 2 || arena == NULL || jm_charset_init() != 0) {
        fputs("usage: bench [--make] DIRECTORY\n", stderr);
        return 2;
    }

    nftw(argv[1], visit, 20, FTW_PHYS);
    printf("%zu files, %.2f MB\n", nfiles, bytes / 1e6);

    if (nfiles == 0) {
        return 1;
    }

    /* libxml2 first: our sanitiser gives it an allocator of its own. */

    xmlInitParser();
    measure("memchr", run_memchr);
    measure("libxml2 SAX, empty handlers", run_sax);
    measure("libxml2 tree and serialiser", run_tree);
    xmlCleanupParser();
    jm_html_init();
    measure("JunkMail", run_ours);

    return sum == 0;
}
