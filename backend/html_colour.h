/*
 * The colours of old attributes, such as bgcolor and font color, as browsers
 * read them: any text at all is one (HTML Standard, 2.3.6, "rules for parsing
 * a legacy colour value").  Called by html_value.c.  Pure C.
 */

#ifndef JM_HTML_COLOUR_H
#define JM_HTML_COLOUR_H

#include <stdint.h>

#include "jm_str.h"

/* 0xRRGGBB, or -1 where there is no colour: empty, "transparent". */
int32_t jm_colour_legacy(jm_str_t raw);

#endif /* JM_HTML_COLOUR_H */
