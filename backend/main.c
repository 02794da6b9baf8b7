/*
 * junkmaild: the backend of JunkMail.  Takes messages by LMTP, reads and
 * cleans them, stores them in Redis; and is the operator's command line.
 * This file only decides which of the two is wanted.
 */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin.h"
#include "conf.h"
#include "supervisor.h"

#define JM_VERSION "0.1.0"
#define JM_CONF    "/etc/junkmail/junkmail.conf"

static const char jm_usage[] =
    "usage: junkmaild [-c FILE]                  run the daemon\n"
    "       junkmaild [-c FILE] -t               check the configuration\n"
    "       junkmaild [-c FILE] domain COMMAND   add, list, remove domains\n"
    "       junkmaild [-c FILE] account COMMAND  add an account\n"
    "       junkmaild -V                         print the version\n"
    "\n"
    "FILE is " JM_CONF " unless given.\n";


static int
jm_usage_error(void)
{
    fputs(jm_usage, stderr);

    return 2;
}


int
main(int argc, char **argv)
{
    int         option, test;
    jm_conf_t   conf;
    const char *path;

    path = JM_CONF;
    test = 0;

    /* `+`: the options of a command are the command's. */

    while ((option = getopt(argc, argv, "+c:thV")) != -1) {
        switch (option) {
        case 'c':
            path = optarg;
            break;
        case 't':
            test = 1;
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

    if (argc != 0
        && (test
            || (strcmp(argv[0], "domain") != 0
                && strcmp(argv[0], "account") != 0)))
    {
        return jm_usage_error();
    }

    if (jm_conf_read(&conf, path) != 0) {
        return 1;
    }

    if (test) {
        printf("junkmaild: %s is fine\n", path);
        return 0;
    }

    if (argc != 0) {
        return jm_admin(&conf, argc, argv);
    }

    return jm_supervisor_run(&conf, path);
}
