#!/usr/bin/perl

# The wall clock is put forward and back by an hour: who listens goes on
# listening, and a limit that was reached does not last longer for it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JunkMail::Events;
use JunkMail::Test;
use Test::More;

plan skip_all => 'a sanitizer is preloaded first' if $JunkMail::Test::SAN;

my $jm = JunkMail::Test->new(junkmaild => 0, http => <<'CONF');
        junkmail_push_ping 1s;
        junkmail_account_rate_limit 20r/m;
CONF

# nginx tells the time by gettimeofday(), and its timers by another clock.
my $clock = $jm->write('clock', "0\n");
my $c     = $jm->write('clock.c', <<'C');
#include <stdio.h>
#include <sys/time.h>
#include <time.h>

int
gettimeofday(struct timeval *t, void *zone)
{
    long            off = 0;
    FILE           *f = fopen(CLOCK, "r");
    struct timespec now;

    if (f != NULL) {
        (void) !fscanf(f, "%ld", &off);
        fclose(f);
    }

    clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec + off;
    t->tv_usec = now.tv_nsec / 1000;
    return 0;
}
C
my $dir = $jm->{dir};
is system('gcc', '-shared', '-fPIC', "-DCLOCK=\"$dir/clock\"", '-o',
    "$dir/clock.so", "$dir/clock.c"), 0, 'a clock of our own';
chmod 0755, $dir;

$jm->stop_nginx;
{
    local $ENV{LD_PRELOAD} = "$dir/clock.so";
    $jm->start_nginx;
}

my $me  = $jm->account;
my $log = JunkMail::Events->new($jm, $me);
my @all = ($jm->ws('/api/v1/events', key => $me->{key}),
           $jm->sse('/api/v1/events', key => $me->{key}));
$_->json for @all;

my $asked = sub { $jm->api(GET => '/addresses', key => $me->{key})->{status} };

for my $off (3600, -3600) {
    $jm->eventually(sub { $asked->() == 429 });
    $jm->write('clock', "$off\n");

    my ($before, $at) = (0, '');
    $jm->eventually(sub {
        $at = $jm->http(GET => '/index.html')->{headers}{date};
        $before = $asked->();
        $before == 200;
    });
    is $before, 200, "$off s: a limit is not stretched ($at)";

    for my $n (1 .. 3) {
        my $id = $log->add(n => $n);
        is $_->json->{id}, $id, 'news come' for @all;
    }
    is $all[0]->next_frame->{opcode}, 9, 'a ping comes';
    $all[0]->send_frame(10, '');
}

$jm->done;
done_testing;
