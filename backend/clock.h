/*
 * The two clocks of the backend, in milliseconds: the wall's, for what is
 * written into mail, and the monotonic one, for everything that is measured.
 */

#ifndef JM_CLOCK_H
#define JM_CLOCK_H

#include <stdint.h>

int64_t jm_now_ms(void);   /* Unix time */
int64_t jm_ticks_ms(void); /* since some start; never jumps; alike in all
                              processes of one machine */

#endif /* JM_CLOCK_H */
