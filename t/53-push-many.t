#!/usr/bin/perl

# Thousands of listeners whose key is revoked, or whose account is deleted: all
# are told within seconds, and nobody else waits until they have been.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Select;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);

use JunkMail::Idle;
use JunkMail::Test;

my $N = $ENV{JM_MANY} // 3000;

my $jm = JunkMail::Test->new(junkmaild => 0, room => $N + 500,
    main => 'worker_rlimit_nofile ' . ($N + 1000) . ';', http => <<'CONF');
        keepalive_timeout 1h;
        junkmail_push_ping 1h;
        junkmail_push_connections_per_key 0;
        junkmail_push_connections_per_address 0;
        junkmail_account_rate_limit off;
        junkmail_rate_limit off;
CONF

# How many of them have something to read.
sub told
{
    my $ready = '';
    vec($ready, fileno $_, 1) = 1 for @_;
    return scalar select $ready, undef, undef, 0;
}

# What is asked when the first has been told is answered before the last is.
# A machine that lets this test wait too long may fail it now and then.
sub nobody_waits
{
    my ($what, $kind, $end) = @_;

    my ($between, $within) = (0, 0);

    for (1 .. 15) {
        my $me   = $jm->account;
        my $key  = $jm->api(POST => '/keys', key => $me->{key},
            json => { name => 'k', scopes => ['emails:read'] })->{json}{data};
        my @idle = JunkMail::Idle::open_many($jm->{http_port}, $N,
            JunkMail::Idle::ask($kind, $key->{key}));
        sleep 0.2;

        my $other = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $jm->{http_port}) or die "connect: $!";
        my $since = time;
        $end->($me, $key);
        $between = 0;

        IO::Select->new($idle[0])->can_read(60);
        syswrite($other, "GET /index.html HTTP/1.1\r\nHost: x\r\n\r\n");
        JunkMail::Idle::answered($other, qr/static/);
        $between = told(@idle);

        $jm->eventually(sub { told(@idle) == $N });
        $within = time - $since;
        JunkMail::Idle::close_many(@idle);
        last if $between < $N && $within < 10;
    }

    cmp_ok $between, '<', $N, "$what: another is served meanwhile";
    cmp_ok $within, '<', 10, 'all within seconds';
}

nobody_waits('a key is revoked', 'WebSocket', sub {
    my ($me, $key) = @_;
    $jm->api(DELETE => "/keys/$key->{id}", key => $me->{key});
});
nobody_waits('an account is deleted', 'SSE', sub {
    $jm->api(DELETE => '/accounts/me', key => $_[0]{key});
});

$jm->done;
done_testing;
