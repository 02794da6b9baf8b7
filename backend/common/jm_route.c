/*
 * The decision behind jm_route.h.  A role of the domain (postmaster) comes
 * before every route, a route before the catch-all; and so does the memory of
 * one, for nobody inherits a stranger's mail.
 */

#include "jm_route.h"

#include "jm_id.h"
#include "jm_key.h"


static int
jm_route_is(jm_str_t word, const char *text)
{
    return word.len == strlen(text) && memcmp(word.data, text, word.len) == 0;
}


jm_route_status_t
jm_route_decide(jm_route_t *route)
{
    int catches;

    if (jm_route_is(route->word, "FOREIGN")) {
        return JM_ROUTE_FOREIGN;
    }

    catches = jm_route_is(route->word, "CATCH");

    if (jm_route_is(route->word, "ROLE")
        || (catches && route->account.len == 0 && route->owner.len == 0))
    {
        route->account = route->domain_account;
        route->id = route->domain_id;

    } else if (!catches && !jm_route_is(route->word, "UNKNOWN")) {
        return JM_ROUTE_BROKEN;
    }

    if (route->account.len == 0) {
        return route->owner.len != 0 ? JM_ROUTE_CLOSED : JM_ROUTE_UNKNOWN;
    }

    return route->account.len == JM_ACCOUNT_LEN && route->id.len == JM_UUID_LEN
               ? JM_ROUTE_FOUND
               : JM_ROUTE_BROKEN;
}
