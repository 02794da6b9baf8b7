/*
 * Many listeners in one process, for t/bench/push/compare: opens them and
 * tells when what is published reaches each.
 *
 *   listen <port> <count> < handshakes
 *
 * Standard input has a handshake for each, one behind the other.  "ready" is
 * printed when all have been answered; from then on, for each mail whose
 * subject is `bench-<number>` and which has reached all of them, a line with
 * the number and the nanoseconds (CLOCK_MONOTONIC) at which they got it.
 */

#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 50 /* handshakes under way at a time */
#define MARK  "bench-"

static char in[256 * 1024];


static long
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);

    return t.tv_sec * 1000000000L + t.tv_nsec;
}


/* One handshake of standard input, sent on a connection of its own. */

static int
begin(int port)
{
    int                fd;
    char              *p = in;
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd == -1 || connect(fd, (struct sockaddr *) &to, sizeof(to)) == -1) {
        err(1, "connect");
    }

    while (fgets(p, in + sizeof(in) - p, stdin) != NULL && *p != '\r') {
        p += strlen(p);
    }

    if (write(fd, in, p + 2 - in) == -1) {
        err(1, "write");
    }

    return fd;
}


/* Reads the answer to a handshake: 101, or 200 for a stream of events. */

static void
answered(int fd, int poll)
{
    ssize_t            n;
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

    n = read(fd, in, sizeof(in) - 1);
    in[n < 0 ? 0 : n] = '\0';

    if (n < 12 || (memcmp(in + 9, "101", 3) && memcmp(in + 9, "200", 3))) {
        errx(1, "refused: %s", in);
    }

    if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) == -1) {
        err(1, "epoll_ctl");
    }
}


int
main(int argc, char **argv)
{
    int                i, n, poll, port, count, fds[BATCH];
    int                got = 0;
    char              *mark;
    long              *when;
    ssize_t            len;
    struct epoll_event events[1024];

    if (argc != 3) {
        errx(2, "usage: listen <port> <count> < handshakes");
    }

    port = atoi(argv[1]);
    count = atoi(argv[2]);
    poll = epoll_create1(0);
    when = calloc(count, sizeof(long));

    for (n = 0; n < count; n += i) {

        for (i = 0; i < BATCH && n + i < count; i++) {
            fds[i] = begin(port);
        }

        while (i-- > 0) {
            answered(fds[i], poll);
        }

        i = count - n < BATCH ? count - n : BATCH;
    }

    puts("ready");
    fflush(stdout);

    for (;;) {
        n = epoll_wait(poll, events, 1024, -1);

        for (i = 0; i < n; i++) {
            len = read(events[i].data.fd, in, sizeof(in));

            if (len <= 0) {
                errx(1, "a listener was sent away");
            }

            mark = memmem(in, len, MARK, sizeof(MARK) - 1);

            if (mark == NULL) {
                continue; /* hello, a ping */
            }

            when[got++] = now();

            if (got == count) {
                printf("%d", atoi(mark + sizeof(MARK) - 1));

                for (got = 0; got < count; got++) {
                    printf(" %ld", when[got]);
                }

                puts("");
                fflush(stdout);
                got = 0;
            }
        }
    }
}
