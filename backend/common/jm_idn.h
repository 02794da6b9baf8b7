/*
 * What Unicode says of addresses: the A-label form of a domain (IDNA2008), the
 * comparable form of a local part, and whose letters a domain mixes.  Called
 * by jm_address.c and, for the hosts of links, by the sanitiser.  None
 * depends on a locale; what the libraries allocate is freed before the return,
 * and is bounded by what is asked for: 255 octets of domain, 64 of local part.
 */

#ifndef JM_IDN_H
#define JM_IDN_H

#include <stdint.h>

#include "jm_str.h"

/*
 * The domain, ASCII lower-cased, its U-labels as A-labels (UTS 46, not
 * transitional: ß stays ß).  ASCII is taken as it is: an A-label that means
 * nothing is just a name nobody has.  Length, or -1 when a U-label is none or
 * `size` octets are too few.
 */
ssize_t jm_idn_domain(jm_str_t domain, u_char *out, size_t size);

/*
 * The local part in Normalisation Form C, each character lower-cased by
 * Unicode's simple mapping, by way of upper case, so that all forms of a
 * letter (ς and σ, ſ and s) meet.  Accents stay.  The text must be well-formed
 * UTF-8.  Length, or -1 when `size` octets are too few.
 */
ssize_t jm_idn_local(jm_str_t local, u_char *out, size_t size);

/*
 * Whether a label of this domain has letters of scripts that nobody writes
 * together, such as Latin and Cyrillic, where one letter passes for another
 * (UTS 39, 5.2, "highly restrictive"), or is Cyrillic that reads as Latin. The
 * domain is one that jm_idn_domain() wrote; a label that it could not have
 * written says nothing.
 */
int jm_idn_is_lookalike(jm_str_t domain);

/* Whether the character is a letter, a mark or a digit of any script. */
int jm_idn_is_word(uint32_t cp);

/* Whether it is a mark, which cannot stand at the beginning. */
int jm_idn_is_mark(uint32_t cp);

#endif /* JM_IDN_H */
