/*
 * jm_route.c: every pair of answers that Redis can give.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "jm_route.h"

#define A  "aaaaaaaaaaaaaaaaaaaaaa" /* of the route */
#define D  "dddddddddddddddddddddd" /* of the domain */
#define IA "00000000-0000-7000-8000-00000000000a"
#define ID "00000000-0000-7000-8000-00000000000d"

#define COUNT(x) (sizeof(x) / sizeof((x)[0]))


static jm_str_t
str(const char *text)
{
    return (jm_str_t){ (u_char *) text, strlen(text) };
}


static void
test_decide(void **state)
{
    size_t            i;
    jm_route_t        r;
    jm_route_status_t status;
    static const struct {
        const char       *account, *id, *owner, *word, *daccount, *did;
        jm_route_status_t status;
        const char       *to;
    } rows[] = {
        /* a route leads where it leads */
        { A, IA, "", "UNKNOWN", "", "", JM_ROUTE_FOUND, A },
        { A, IA, "", "CATCH", D, ID, JM_ROUTE_FOUND, A },
        { A, IA, "", "FOREIGN", "", "", JM_ROUTE_FOREIGN, NULL },
        /* but for a role */
        { A, IA, "", "ROLE", D, ID, JM_ROUTE_FOUND, D },
        { "", "", "x", "ROLE", D, ID, JM_ROUTE_FOUND, D },
        { "", "", "", "ROLE", D, ID, JM_ROUTE_FOUND, D },
        /* none */
        { "", "", "", "UNKNOWN", "", "", JM_ROUTE_UNKNOWN, NULL },
        { "", "", "", "CATCH", D, ID, JM_ROUTE_FOUND, D },
        { "", "", "", "FOREIGN", "", "", JM_ROUTE_FOREIGN, NULL },
        /* the memory of one: nobody inherits its mail */
        { "", "", "x", "UNKNOWN", "", "", JM_ROUTE_CLOSED, NULL },
        { "", "", "x", "CATCH", D, ID, JM_ROUTE_CLOSED, NULL },
        /* what nobody should answer */
        { "", "", "", "", "", "", JM_ROUTE_BROKEN, NULL },
        { A, IA, "", "MAYBE", "", "", JM_ROUTE_BROKEN, NULL },
        { "a", IA, "", "UNKNOWN", "", "", JM_ROUTE_BROKEN, NULL },
        { A, "", "", "UNKNOWN", "", "", JM_ROUTE_BROKEN, NULL },
        { "", "", "", "CATCH", D, "", JM_ROUTE_BROKEN, NULL },
    };

    for (i = 0; i < COUNT(rows); i++) {
        r.account = str(rows[i].account);
        r.id = str(rows[i].id);
        r.owner = str(rows[i].owner);
        r.word = str(rows[i].word);
        r.domain_account = str(rows[i].daccount);
        r.domain_id = str(rows[i].did);

        status = jm_route_decide(&r);

        if (status != rows[i].status) {
            fail_msg("row %zu: %d", i, (int) status);
        }

        if (rows[i].to != NULL) {
            assert_memory_equal(r.account.data, rows[i].to, r.account.len);
            assert_memory_equal(r.id.data, rows[i].to[0] == 'a' ? IA : ID,
                                r.id.len);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decide),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
