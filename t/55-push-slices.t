#!/usr/bin/perl

# News to thousands of listeners is given to them in slices: nobody else waits
# until all have it, and each hears all of it once and in order, whoever comes
# and goes meanwhile.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Select;
use Test::More;

use JunkMail::Events;
use JunkMail::Idle;
use JunkMail::Test;

my $N    = $ENV{JM_MANY} // 2000;
my $room = $N + 1000;

my $jm = JunkMail::Test->new(room => $room,
    main => "worker_rlimit_nofile $room;", http => <<'CONF');
        keepalive_timeout 1h;
        junkmail_push_ping 1h;
        junkmail_push_connections_per_key 0;
        junkmail_push_connections_per_address 0;
        junkmail_push_connections 0;
        junkmail_account_rate_limit off;
        junkmail_rate_limit off;
        location = /metrics { junkmail_metrics; }
CONF

my @plain   = ("GET /index.html HTTP/1.1\r\nHost: x\r\n\r\n", qr/static/);
my ($other) = JunkMail::Idle::open_many($jm->{http_port}, 1, @plain);

# What each has been sent, hello included, up to what ends it.
sub heard
{
    my ($end, @all) = @_;

    return map {
        my $in = '';
        while ($in !~ $end) {
            IO::Select->new($_)->can_read(30) && sysread($_, $in, 65536,
                length $in) or last;
        }
        $in;
    } @all;
}

for my $kind ('WebSocket', 'SSE') {
    my $me  = $jm->account;
    my $log = JunkMail::Events->new($jm, $me);
    my @ask = JunkMail::Idle::ask($kind, $me->{key});
    my $open = sub { JunkMail::Idle::open_many($jm->{http_port}, $_[0], @ask) };
    my @all  = $open->($N);

    # What is asked when the first has been told is answered before the last
    # is.  This may look too late: once in so many times it does not.
    my $told = $N;
    for (1 .. 50) {
        my $id = $log->add(n => $_);
        heard(qr/$id/, $all[0]);
        syswrite($other, $plain[0]);
        JunkMail::Idle::answered($other, $plain[1]);

        my $ready = '';
        vec($ready, fileno $_, 1) = 1 for @all[1 .. $N - 1];
        $told = 1 + select $ready, undef, undef, 0;

        heard(qr/$id/, @all[1 .. $N - 1]);
        last if $told < $N;
    }
    cmp_ok $told, '<', $N, "$kind: another is served meanwhile";

    # More than a page at once, then one after the other.
    my @ids = $log->fill(150, 100);
    push @ids, $log->add(n => $_) for 1 .. 20;
    JunkMail::Idle::close_many(splice @all, 0, 100);
    my @late = $open->(50);
    push @ids, $log->add(n => $_) for 21 .. 40;
    JunkMail::Idle::close_many(splice @all, -100);
    push @ids, $log->add(n => 41);

    my $wrong = 0;
    for (heard(qr/$ids[-1]/, @all)) {
        my @got = /"id":"([^"]+)"/g;
        $wrong++ if "@got" ne "@ids";
    }
    is $wrong, 0, 'all who stay hear everything once and in order';

    # What came with their hello has been read already.
    $wrong = 0;
    for (heard(qr/$ids[-1]/, @late)) {
        my @got = /"id":"([^"]+)"/g;
        $wrong++ if "@got" ne "@ids[-@got .. -1]";
    }
    is $wrong, 0, 'who comes in between, too';
    JunkMail::Idle::close_many(@all, @late);
}

# Requests that wait find all at once what they then ask Redis for, and leave
# room on its link.  The first mail is gone, and all wait for the second.
{
    my $me  = $jm->account;
    $jm->address($me, alias => 'all');
    my $log = JunkMail::Events->new($jm, $me);
    my @all = JunkMail::Idle::open_many($jm->{http_port}, $N,
        "GET /api/v1/emails/wait?timeout=60 HTTP/1.1\r\nHost: x\r\n"
        . "Authorization: Bearer $me->{key}\r\n\r\n");
    $jm->eventually(sub {
        $jm->http(GET => '/metrics')->{body} =~ /kind="wait"\} $N$/m;
    });
    $log->add(id => '01890000-0000-7000-8000-000000000000');
    like $jm->send_mail('all@junkmail.test', "Subject: All\n\n"), qr/^250/,
        'meanwhile a mail is taken';

    my %answers;
    $answers{substr $_, 9, 3}++ for heard(qr/\n/, @all);
    is_deeply \%answers, { 200 => $N }, 'all of them get it';
    JunkMail::Idle::close_many(@all);
}

$jm->done;
done_testing;
