#!/usr/bin/perl

# Push over WebSocket: the handshake and its refusals, the events, the cursor.

use strict;
use warnings;

use IO::Socket::INET;
use Test::More;

use JunkMail::Events qw(drain);
use JunkMail::Frames qw(close_frame);
use JunkMail::Test;

my $EVENTS = '/api/v1/events';

my $jm = JunkMail::Test->new(junkmaild => 0);

# What `junkmaild domain add` writes.
$jm->{redis}->cmd('ZADD', 'jm:domains', 1, $jm->{domain});
$jm->{redis}->cmd('HSET', "jm:domain:{$jm->{domain}}", 'policy', 'closed',
    'state', 'active');

my $me  = $jm->account;
my $log = JunkMail::Events->new($jm, $me);

# --- the handshake ---------------------------------------------------------

sub refused
{
    my ($status, $what, $path, %opt) = @_;

    my $ws = $jm->ws($path // $EVENTS, %opt);
    is $ws->{status}, $status, "$status: $what";
    like $ws->{buffer}, qr/^\{"error":".+","code":"[A-Z_]+"/, 'as JSON';
    return $ws->{headers};
}

my %key = (key => $me->{key});
my $r;

$r = $jm->api(GET => '/events', key => $me->{key});
is $r->{status}, 406, '406: no upgrade';
is $r->{json}{code}, 'NOT_ACCEPTABLE', 'with its code';

$r = $jm->api(GET => '/events');
is $r->{status}, 406, '406 before 401';

$r = $jm->api(POST => '/events', key => $me->{key}, json => {});
is $r->{status}, 405, '405: POST';

refused(406, 'upgrade to something else', undef, %key,
    headers => { Upgrade => 'h2c' });

my $old = $jm->ws($EVENTS, %key, headers => { 'Sec-WebSocket-Version' => 8 });
is $old->{status}, 426, '426: version 8';
is $old->{headers}{'sec-websocket-version'}, 13, 'says which version';
is $old->{headers}{upgrade}, 'websocket', 'of what';
like $old->{buffer}, qr/"code":"NOT_ACCEPTABLE"/, 'with its code';

refused(400, 'no version', undef, %key,
    headers => { 'Sec-WebSocket-Version' => undef });
refused(400, 'no Sec-WebSocket-Key', undef, %key,
    headers => { 'Sec-WebSocket-Key' => undef });
refused(400, 'a key of 15 octets', undef, %key,
    headers => { 'Sec-WebSocket-Key' => 'MDEyMzQ1Njc4OWFiY2Rl' });
refused(400, 'two keys', undef, %key,
    headers => { 'sec-webSocket-key' => 'MDEyMzQ1Njc4OWFiY2RlZg==' });
refused(400, 'Connection without Upgrade', undef, %key,
    headers => { Connection => 'keep-alive' });
refused(400, 'a request with a body', undef, %key,
    headers => { 'Content-Length' => 4 }, raw => 'body');

my $h = refused(401, 'no key');
like $h->{'www-authenticate'}, qr/^Bearer/, 'WWW-Authenticate';
refused(401, 'a malformed key', undef, key => 'jm_live_x');
refused(401, 'an unknown key', undef, key => do {
    my $other = $jm->account;
    my $id    = substr($other->{key}, 8, 22);
    $jm->{redis}->cmd('DEL', "jm:{$id}", "jm:{$id}:keys");
    $jm->{redis}->cmd('DEL', $jm->{redis}->cmd('KEYS', "jm:{$id}:key:*")->[0]);
    $other->{key};
});
refused(401, 'a malformed bearer', undef,
    protocols => ['junkmail.v1', 'bearer.x']);
refused(401, 'no bearer', undef, protocols => ['junkmail.v1']);

{
    my $poor = $jm->account;
    my $id   = substr($poor->{key}, 8, 22);
    my ($name) = @{ $jm->{redis}->cmd('KEYS', "jm:{$id}:key:*") };
    $jm->{redis}->cmd('HSET', $name, 'scopes', 'emails:write');
    refused(403, 'a key without emails:read', undef, key => $poor->{key});
}

refused(404, 'an address of nobody', "$EVENTS?address_id="
    . '01890000-0000-7000-8000-000000000000', %key);
refused(404, 'no address id at all', "$EVENTS?address_id=x", %key);
refused(422, 'a malformed cursor', "$EVENTS?since=yesterday", %key);
refused(422, 'half a cursor', "$EVENTS?since=12-", %key);
refused(422, 'a cursor past 64 bits', "$EVENTS?since=99999999999999999999-0",
    %key);

# --- 101 -------------------------------------------------------------------

my $ws = $jm->ws($EVENTS, %key);
is $ws->{status}, 101, '101 with the Authorization header';
is $ws->{headers}{'sec-websocket-accept'}, 'BACScCJPNqyz+UBoqMH89VmURoA=',
    'Sec-WebSocket-Accept';
is $ws->{headers}{'sec-websocket-protocol'}, undef,
    'no subprotocol that was not asked for';
is $ws->{headers}{'sec-websocket-extensions'}, undef, 'no extension';
ok defined $ws->{headers}{'x-ratelimit-remaining'}, 'rate limit headers';

my $hello = $ws->json;
is $hello->{type}, 'hello', 'hello first';
is $hello->{heartbeat}, 30, 'its heartbeat';
is $hello->{id}, '0-0', 'an empty log starts at 0-0';

my $sub = $jm->ws($EVENTS, protocols => ['junkmail.v1', "bearer.$me->{key}"],
    headers => { Connection => 'keep-alive, Upgrade',
                 'Sec-WebSocket-Extensions' => 'permessage-deflate' });
is $sub->{status}, 101, '101 with subprotocols';
is $sub->{headers}{'sec-websocket-protocol'}, 'junkmail.v1',
    'junkmail.v1, never the key';
is $sub->{headers}{'sec-websocket-extensions'}, undef, 'still no extension';
$sub->json;

# --- events ----------------------------------------------------------------

my @ids = map { $log->add(n => $_) } 1 .. 5;

for my $w ($ws, $sub) {
    my @got = drain($w, 5);
    is_deeply [map { $_->{id} } @got], \@ids, 'the events, in order';
    is_deeply $got[1], { id => $ids[1], type => 'email.received',
                         timestamp => 1, data => { n => 2 } }, 'and whole';
}

$log->add(n => 6, pad => 'ü' x 100);
is drain($ws, 1), 1, 'not ASCII';
drain($sub, 1);

@ids = $log->fill(300);
is_deeply [map { $_->{id} } drain($ws, 300)], \@ids, '300 at once';
is_deeply [map { $_->{id} } drain($sub, 300)], \@ids, 'for both';

is $ws->next_frame(0.3), undef, 'and nothing twice';

my $other     = $jm->account;
my $other_log = JunkMail::Events->new($jm, $other);
my $other_ws  = $jm->ws($EVENTS, key => $other->{key});
$other_ws->json;
$other_log->add(n => 1);
is drain($other_ws, 1), 1, 'another account hears its own';
is $ws->next_frame(0.3), undef, 'and only its own';
$other_ws->close;

$sub->close;
$log->add(n => 7);
is drain($ws, 1), 1, 'one goes, the other stays';
$ws->close;

# --- the filter ------------------------------------------------------------

my @addresses = map { $jm->address($me)->{id} } 1 .. 3;
my $newest = $log->add(n => 0);

$ws = $jm->ws("$EVENTS?address_id=$addresses[0]&address_id=$addresses[2]",
    %key);
is $ws->json->{id}, $newest, 'hello says where it starts';
$log->add(n => $_, address => $addresses[$_]) for 0 .. 2;
$log->add(n => 3);
is_deeply [map { $_->{data}{n} } drain($ws, 3)], [0, 2, 3],
    'the events of two addresses and of the account';
is $ws->next_frame(0.2), undef, 'no others';
$ws->close;

refused(404, "another account's address",
    "$EVENTS?address_id=$addresses[0]", key => $other->{key});

# --- the cursor ------------------------------------------------------------

my $reader = $jm->account;
my $rlog   = JunkMail::Events->new($jm, $reader);
my %reader = (key => $reader->{key});
@ids = $rlog->fill(450);

for my $case (['since=0', 0, '0-0'], ["since=$ids[0]", 1, $ids[0]],
              ["since=$ids[99]", 100, $ids[99]],
              ["since=$ids[349]", 350, $ids[349]],
              ["since=$ids[449]", 450, $ids[449]], ['', 450, $ids[449]]) {
    my ($query, $from, $start) = @$case;

    $ws = $jm->ws("$EVENTS?$query", %reader);
    is $ws->json->{id}, $start, "$query: hello";

    # An event that comes during the replay comes after it, once.
    my $late = $rlog->add(n => 'late');
    is_deeply [map { $_->{id} } drain($ws, 450 - $from + 1)],
        [@ids[$from .. $#ids], $late], "$query: replay, then live";
    is $ws->next_frame(0.2), undef, "$query: nothing twice";
    $ws->close;
    $jm->{redis}->cmd('XDEL', $rlog->key, $late);
}

$ws = $jm->ws("$EVENTS?since=1-1", %reader);
my $last = $ws->json->{id};
is_deeply $ws->json, { type => 'reset', id => $last },
    'a foreign cursor: reset';
my $next = $rlog->add(n => 'next');
is $ws->json->{id}, $next, 'and on from the newest';
$ws->close;

$ws = $jm->ws("$EVENTS?since=%30", %reader);
is $ws->json->{id}, '0-0', 'an escaped query';
$ws->close;

# An entry deleted with its mail is no gap for those who are there.

$ws = $jm->ws($EVENTS, %reader);
$ws->json;
$next = $rlog->add(n => 'mail');
$ws->json;
$jm->{redis}->cmd('XDEL', $rlog->key, $next);
$next = $rlog->add(type => 'email.deleted');
is $ws->json->{id}, $next, 'no reset after a deletion';
$ws->close;

# --- real events -----------------------------------------------------------

$ws = $jm->ws($EVENTS, %reader);
$ws->json;
my $address = $jm->address($reader);
my $created = $ws->json;
is $created->{type}, 'address.created', 'address.created';
is $created->{data}{id}, $address->{id}, 'which';
$jm->api(DELETE => "/addresses/$address->{id}", %reader);
is $ws->json->{type}, 'address.deleted', 'address.deleted';

# --- limits ----------------------------------------------------------------

my $crowd = $jm->account;
my @crowd = map { $jm->ws($EVENTS, key => $crowd->{key}) } 1 .. 10;
is scalar(grep { $_->{status} == 101 } @crowd), 10, 'ten connections of a key';
$h = refused(429, 'the eleventh', undef, key => $crowd->{key});
ok $h->{'retry-after'}, 'Retry-After';
$crowd[0]->close;
ok $jm->eventually(sub {
    my $w = $jm->ws($EVENTS, key => $crowd->{key});
    return $w->{status} == 101;
}), 'a place is free again';
@crowd = ();

# --- the account goes ------------------------------------------------------

my $stay = $jm->ws($EVENTS, %key);
$stay->json;
$jm->api(DELETE => '/accounts/me', %reader);
is $ws->close_code, 1008, '1008 when the account is gone';
$log->add(n => 'still');
is drain($stay, 1), 1, 'others stay';

# A key that was changed but is still good is looked at and kept.
$log->publish('gone');
$log->add(n => 'again');
is drain($stay, 1), 1, 'a false alarm closes nobody';
is $stay->next_frame(0.2), undef, 'and repeats nothing';

like $jm->read('access.log'), qr/"GET \/api\/v1\/events HTTP\/1.1" 101 /,
    'logged as 101';
unlike $jm->read('access.log'), qr/jm_live_/, 'and no key in the log';

$stay->close;

# The first listener of an account goes before its channel is subscribed; the
# next one reads the log all the same.
{
    my $new  = $jm->account;
    my $nlog = JunkMail::Events->new($jm, $new);
    my @ids  = $nlog->fill(3);

    $jm->ws($EVENTS, key => $new->{key}, raw => close_frame(1000))->close;
    select undef, undef, undef, 0.5;
    my $next = $jm->ws("$EVENTS?since=0", key => $new->{key});
    $next->json;
    is_deeply [map { $_->{id} } drain($next, 3)], \@ids,
        'after one who left at once';
    $next->close;
}

$jm->done;
done_testing;
