/*
 * Where a recipient's mail goes, decided from the two answers of Redis: its
 * route, and what its domain says of it (jm_domain_route of store/domain.lua).
 * Once for the edge, which asks at RCPT, and for junkmaild, which asks again
 * when it delivers.
 */

#ifndef JM_ROUTE_H
#define JM_ROUTE_H

#include "jm_str.h"

typedef enum {
    JM_ROUTE_FOUND = 0, /* `account` and `id` say where */
    JM_ROUTE_UNKNOWN,   /* our domain, no such address */
    JM_ROUTE_CLOSED,    /* deleted, or expired long ago */
    JM_ROUTE_FOREIGN,   /* not a domain of ours */
    JM_ROUTE_BROKEN     /* an answer that nobody should give */
} jm_route_status_t;

/* The answers; what is not there is empty. */
typedef struct {
    jm_str_t account; /* fields of jm:route:{<address>} */
    jm_str_t id;
    jm_str_t owner;
    jm_str_t word; /* reply of jm_domain_route */
    jm_str_t domain_account;
    jm_str_t domain_id;
} jm_route_t;

/* Decides; `account` and `id` become the slices that count. */
jm_route_status_t jm_route_decide(jm_route_t *route);

#endif /* JM_ROUTE_H */
