/*
 * Finds what a person looks for in a mail: one-time codes.  Called by
 * message.c after the text is known; fills m->codes.
 */

#ifndef JM_EXTRACT_H
#define JM_EXTRACT_H

#include "message.h"

void jm_extract_codes(jm_message_t *m);

#endif /* JM_EXTRACT_H */
