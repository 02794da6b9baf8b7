/*
 * What a doctype says of the page (HTML Standard, 13.2.6.4.1).  Called by
 * html_tree.c.  Pure C.
 */

#ifndef JM_HTML_DOCTYPE_H
#define JM_HTML_DOCTYPE_H

#include "jm_str.h"

/*
 * Is it a page of the old kind, in which a table may stand in a paragraph?
 * `doctype` is what follows "<!doctype", empty where there is none.
 */
int jm_doctype_is_quirks(jm_str_t doctype);

#endif /* JM_HTML_DOCTYPE_H */
