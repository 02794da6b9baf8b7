/*
 * html_doctype.c: which pages browsers take for old ones.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "html_doctype.h"


static void
test_quirks(void **state)
{
    size_t i;

    static const struct {
        const char *doctype;
        int         quirks;
    } cases[] = {
        { "", 1 },
        { " html", 0 },
        { "HTML ", 0 },
        { " svg", 1 },
        { " html public", 1 },
        { " html SYSTEM 'about:legacy-compat'", 0 },
        { " html nonsense", 1 },
        { " html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\" \"x\"", 0 },
        { " html PUBLIC \"-//W3C//DTD HTML 4.01//EN\"", 0 },
        { " html PUBLIC \"-//W3C//DTD HTML 4.01 Transitional//EN\"", 1 },
        { " html PUBLIC '-//w3c//dtd html 4.01 transitional//en' 'x'", 0 },
        { " HTML PUBLIC \"-//W3C//DTD HTML 4.0 Transitional//EN\"", 1 },
        { " HTML PUBLIC \"-//W3C//DTD HTML 3.2//EN\" \"x\"", 1 },
        { " HTML PUBLIC \"-//IETF//DTD HTML//EN\"", 1 },
        { " HTML PUBLIC \"unclosed", 1 },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        jm_str_t doctype = { (u_char *) cases[i].doctype,
                             strlen(cases[i].doctype) };

        if (jm_doctype_is_quirks(doctype) != cases[i].quirks) {
            fail_msg("<!DOCTYPE%s>", cases[i].doctype);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quirks),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
