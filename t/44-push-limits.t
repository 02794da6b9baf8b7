#!/usr/bin/perl

# Who may listen: limits per key, per address and in all, for WebSockets,
# event streams and waiting requests together; and the list of origins.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use JunkMail::Test;

my $EVENTS = '/api/v1/events';

my $jm = JunkMail::Test->new(junkmaild => 0, workers => 2, http => <<'CONF');
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Real-IP;
        junkmail_push_connections_per_key 2;
        junkmail_push_connections_per_address 3;
        junkmail_push_connections 5;
        junkmail_push_origin https://mail.example http://localhost:8080;
CONF

my @keys = map { $jm->account->{key} } 1 .. 4;

# A listener of a key from an address, by turns of either kind.
my $turn;
sub listen_as
{
    my ($key, $ip, %headers) = @_;

    my $kind = $turn++ % 2 ? 'ws' : 'sse';
    return $jm->$kind($EVENTS, key => $keys[$key],
        headers => { 'X-Real-IP' => $ip, %headers });
}

sub let_in
{
    my ($listener, $what) = @_;
    my $ok = $listener->{status} == 101 || $listener->{status} == 200;
    ok $ok, $what;
    return $listener;
}

sub refused
{
    my ($listener, $what) = @_;
    is $listener->{status}, 429, "429: $what";
    ok $listener->{headers}{'retry-after'}, 'Retry-After';
    like $listener->{headers}{'content-type'}, qr{^application/json}, 'JSON';
}

my @open = map { let_in(listen_as(0, '192.0.2.1'), 'two of a key') } 1, 2;
refused(listen_as(0, '192.0.2.2'), 'the third, from another address');
refused(listen_as(0, '192.0.2.2'), 'of either kind');
is $jm->api(GET => '/emails/wait?timeout=1', key => $keys[0])->{status}, 429,
    'the long poll, too';

push @open, let_in(listen_as(1, '192.0.2.1'), 'three of an address');
refused(listen_as(2, '192.0.2.1'), 'the fourth, with another key');
refused(listen_as(2, '192.0.2.1'), 'of either kind');

push @open, let_in(listen_as(2, '2001:db8::1'), 'another address');
push @open, let_in(listen_as(2, '2001:db8::2'), 'five in all');
refused(listen_as(3, '192.0.2.3'), 'the sixth, a new key and address');
refused(listen_as(3, '192.0.2.3'), 'of either kind');

# Places come back; a refused one has kept none.
(shift @open)->close;
ok $jm->eventually(sub {
    my $l = listen_as(3, '192.0.2.3');
    push @open, $l if $l->{status} < 400;
    return $l->{status} < 400;
}), 'one goes, one comes';
$_->close for splice @open;

ok $jm->eventually(sub {
    my @four = map { listen_as(1 + $_ % 2, '2001:db8::' . $_) } 0 .. 3;
    $_->close for @four;
    return (grep { $_->{status} < 400 } @four) == 3;
}), 'three of a /64';

# --- origins ---------------------------------------------------------------

for my $origin ('https://mail.example', 'http://localhost:8080') {
    my $l;
    for (1, 2) {
        ok $jm->eventually(sub {
            $l = listen_as(0, '192.0.2.9', Origin => $origin);
            return $l->{status} != 429;
        });
        let_in($l, $origin)->close;
    }
}

for my $origin ('https://mail.example.org', 'http://mail.example', 'null',
                'https://mail.example:444', '') {
    for (1, 2) {
        my $l = listen_as(0, '192.0.2.9', Origin => $origin);
        is $l->{status}, 403, "403: '$origin'";
        like $l->{body} // $l->{buffer}, qr/ORIGIN_NOT_ALLOWED/, 'its code';
    }
}

# --- the directives --------------------------------------------------------

like($jm->check_conf(http => "$_;"), qr/emerg.*nginx.conf:\d+/,
    "$_: refused")
    for 'junkmail_push_origin mail.example', 'junkmail_push_origin',
        'junkmail_push_origin https://a.example/',
        'junkmail_push_connections x';

$jm->done;
done_testing;
