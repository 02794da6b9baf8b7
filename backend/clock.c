/*
 * The clocks of clock.h.
 */

#include "clock.h"

#include <time.h>


static int64_t
jm_clock(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


int64_t
jm_now_ms(void)
{
    return jm_clock(CLOCK_REALTIME);
}


int64_t
jm_ticks_ms(void)
{
    return jm_clock(CLOCK_MONOTONIC);
}
