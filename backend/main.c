/*
 * junkmaild: the backend of JunkMail.  Takes messages by LMTP, reads and
 * cleans them, stores them in Redis; cleans a single mail from standard input;
 * and is the operator's command line.  This file only decides which of them is
 * wanted.
 */

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin.h"
#include "clean.h"
#include "conf.h"
#include "pixel.h"
#include "reclean.h"
#include "supervisor.h"
#include "trackers.h"

#define JM_VERSION "0.1.0"
#define JM_CONF    "/etc/junkmail/junkmail.conf"

static const char jm_usage[] =
    "usage: junkmaild [-c FILE]                  run the daemon\n"
    "       junkmaild [-c FILE] -t               check the configuration\n"
    "       junkmaild [-c FILE] domain COMMAND   add, list, change domains\n"
    "       junkmaild [-c FILE] account COMMAND  and accounts\n"
    "       junkmaild [-c FILE] key COMMAND      and their keys\n"
    "       junkmaild [-c FILE] reclean [--dry-run] [--account ID]\n"
    "                                            clean stored mail anew\n"
    "       junkmaild [-c FILE] --clean [--html] [--explain]\n"
    "                                            clean the mail on standard\n"
    "                                            input: JSON, or the page\n"
    "       junkmaild -V                         print the version\n"
    "\n"
    "FILE is " JM_CONF " unless given.\n";

enum { JM_OPT_CLEAN = 256, JM_OPT_EXPLAIN, JM_OPT_HTML };

static const struct option jm_options[] = {
    { "clean", no_argument, NULL, JM_OPT_CLEAN },
    { "explain", no_argument, NULL, JM_OPT_EXPLAIN },
    { "html", no_argument, NULL, JM_OPT_HTML },
    { NULL, 0, NULL, 0 },
};


static int
jm_usage_error(void)
{
    fputs(jm_usage, stderr);

    return 2;
}


/* Without -c, a machine that runs no JunkMail can clean a mail, too. */
static int
jm_clean_command(const char *path, int html)
{
    jm_conf_t conf;

    if (path == NULL && access(JM_CONF, F_OK) == 0) {
        path = JM_CONF;
    }

    if ((path == NULL ? jm_conf_defaults(&conf) : jm_conf_read(&conf, path))
            != 0
        || jm_tracker_load(conf.trackers) != 0)
    {
        return 1;
    }

    return jm_clean(&conf, html);
}


int
main(int argc, char **argv)
{
    int         option, test, clean, html, explain;
    jm_conf_t   conf;
    const char *path;

    path = NULL;
    test = clean = html = explain = 0;

    /* `+`: the options of a command are the command's. */

    while ((option = getopt_long(argc, argv, "+c:thV", jm_options, NULL))
           != -1) {
        switch (option) {
        case 'c':
            path = optarg;
            break;
        case 't':
            test = 1;
            break;
        case JM_OPT_CLEAN:
            clean = 1;
            break;
        case JM_OPT_EXPLAIN:
            explain = 1;
            jm_pixel_explain();
            break;
        case JM_OPT_HTML:
            html = 1;
            break;
        case 'h':
            fputs(jm_usage, stdout);
            return 0;
        case 'V':
            puts("junkmaild " JM_VERSION);
            return 0;
        default:
            return jm_usage_error();
        }
    }

    argc -= optind;
    argv += optind;

    if (html > clean || explain > clean || clean + test + (argc != 0) > 1
        || (argc != 0 && strcmp(argv[0], "domain") != 0
            && strcmp(argv[0], "account") != 0 && strcmp(argv[0], "key") != 0
            && strcmp(argv[0], "reclean") != 0))
    {
        return jm_usage_error();
    }

    if (clean) {
        return jm_clean_command(path, html);
    }

    path = path == NULL ? JM_CONF : path;

    if (jm_conf_read(&conf, path) != 0 || jm_tracker_load(conf.trackers) != 0)
    {
        return 1;
    }

    if (test) {
        printf("junkmaild: %s is fine\n", path);
        return 0;
    }

    if (argc != 0 && strcmp(argv[0], "reclean") == 0) {
        return jm_reclean(&conf, argc, argv);
    }

    if (argc != 0) {
        return jm_admin(&conf, argc, argv);
    }

    return jm_supervisor_run(&conf, path);
}
