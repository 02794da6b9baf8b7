#!/usr/bin/perl

# Push over WebSocket: what a client may say, after the handshake, with it and
# byte by byte; floods, the heartbeat, slow readers.  Frames by themselves are
# t/41-push-autobahn.t's.

use strict;
use warnings;

use Socket qw(IPPROTO_TCP SOL_SOCKET SO_LINGER TCP_NODELAY);
use Test::More;
use Time::HiRes qw(sleep time);

use JunkMail::Events qw(ids);
use JunkMail::Frames qw(answers close_frame frame);
use JunkMail::Test;

my $jm = JunkMail::Test->new(junkmaild => 0, http => <<'CONF');
        location /quick/ {
            rewrite ^/quick(/.*)$ $1 break;
            junkmail_push_ping 1s;
            junkmail_api;
        }
        location /calm/ {
            rewrite ^/calm(/.*)$ $1 break;
            junkmail_push_ping 1h;
            junkmail_api;
        }
        location = /metrics {
            junkmail_metrics;
        }
CONF

my $EVENTS = '/api/v1/events';

my $PING = '{"type":"ping"}';
my $PONG = '{"type":"pong"}';

# name, bytes, answers; the connection is closed by us at the end of those
# that leave it open.
my @cases = (
    ['ping', frame(0x89, 'hello'), 'pong(hello)'],
    ['text ping', frame(0x81, $PING), $PONG],
    ['text ping, spaced', frame(0x81, " {\n \"type\" :\t\"ping\" }\r\n"), $PONG],
    ['text ping, in fragments', frame(0x01, '{"ty') . frame(0x00, '')
        . frame(0x00, 'pe":"p') . frame(0x80, 'ing"}'), $PONG],
    ['text ping twice', frame(0x81, $PING) x 2, "$PONG $PONG"],

    ['other text', frame(0x81, 'hello'), 'close(1008) eof'],
    ['space within a word', frame(0x81, '{"ty pe":"ping"}'),
        'close(1008) eof'],
    ['more than a ping', frame(0x81, "$PING."), 'close(1008) eof'],
    ['less than a ping', frame(0x81, '{"type":"ping"'), 'close(1008) eof'],
    ['too long', frame(0x81, ' ' x 4097), 'close(1009) eof'],
    ['binary', frame(0x82, 'x'), 'close(1003) eof'],
    ['not masked', frame(0x81, $PING, bare => 1), 'close(1002) eof'],
    ['surrogate, in fragments', frame(0x01, "\xed") . frame(0x80, "\xa0\x80"),
        'close(1007) eof'],
    ['ping, then close', frame(0x89, 'a') . close_frame(1000),
        'pong(a) close(1000) eof'],
);

# A key holds ten connections, and is asked no more than 600 times a minute.
my @keys;

sub connection
{
    my (%opt) = @_;

    @keys = map { $jm->account->{key} } 1 .. 4 if !@keys;
    push @keys, shift @keys;

    my $ws = $jm->ws($EVENTS, key => $keys[0], %opt);
    is $ws->{status}, 101, 'connected' if $ws->{status} != 101;
    $ws->json if !$opt{raw};
    return $ws;
}

# This one never says a word, and has eleven seconds until its end.
my $me     = $jm->account;
my $silent = $jm->ws("/quick$EVENTS", key => $me->{key});
$silent->json;

for my $case (@cases) {
    my ($name, $bytes, $expect) = @$case;
    my $until = $expect =~ /eof$/ ? undef : scalar split / /, $expect;

    my $ws = connection();
    $ws->raw($bytes);
    is answers($ws, $until), $expect, $name;
    $ws->close;

    # The same with the request: hello comes first.
    $ws = connection(raw => $bytes);
    my $got = answers($ws, $until && $until + 1);
    ok $got =~ s/^\{"type":"hello"[^}]+\} //, "$name: hello";
    is $got, $expect, "$name, sent with the request";
    $ws->close;

    next if length $bytes > 200;

    $ws = connection();
    setsockopt($ws->socket, IPPROTO_TCP, TCP_NODELAY, 1);
    for my $byte (split //, $bytes) {
        $ws->raw($byte) or last;
        sleep 0.0005;
    }
    is answers($ws, $until), $expect, "$name, byte by byte";
    $ws->close;
}

# --- floods ----------------------------------------------------------------

my $begun = frame(0x01, '{');
for (['pings', '', 0x89, '', qr/(pong\(\) ){10,100}/],
     ['pongs', '', 0x8a, ''],
     ['empty fragments', $begun, 0x00, ''],
     ['fragments of an octet', $begun, 0x00, ' '],
     ['empty fragments, which are the first and the last', '', 0x81, '']) {
    my ($what, $first, $octet, $payload, $answer) = @$_;
    my $ws = connection();
    $ws->raw($first . frame($octet, $payload) x 4000);
    $answer //= qr//;
    like answers($ws), qr/^${answer}close\(1008\) eof$/,
        "thousands of $what: 1008";
    $ws->close;
}

my $ws = connection();
$ws->raw($begun . frame(0x00, ' ') x 50 . frame(0x80, '"type":"ping"}'));
is answers($ws, 1), $PONG, 'fifty fragments are a message';
$ws->close;

# --- the client goes without a word ----------------------------------------

$ws = connection();
shutdown($ws->socket, 1);
is answers($ws), 'eof', 'half a close is a close';

$ws = connection();
$ws->raw(frame(0x89, 'last'));
shutdown($ws->socket, 1);
is answers($ws), 'pong(last) eof', 'but what was asked is answered';

$ws = connection();
setsockopt($ws->socket, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));
$ws->close;

# --- heartbeat -------------------------------------------------------------

my $log = JunkMail::Events->new($jm, $me);

$ws = $jm->ws("/quick$EVENTS", key => $me->{key});
is $ws->json->{heartbeat}, 1, 'hello names the heartbeat';

for (1 .. 3) {
    my $f = $ws->next_frame;
    is $f->{opcode}, 9, 'a ping after a second of silence';
    $ws->send_frame(10, $f->{data});
}

$log->add(n => 1);
is $ws->json->{data}{n}, 1, 'and events between';

# Meanwhile: a reader that takes nothing, of whom the hub gets tired.
my $lazy = $jm->account;
my $llog = JunkMail::Events->new($jm, $lazy);
my $slow = $jm->ws("/calm$EVENTS", key => $lazy->{key}, rcvbuf => 4096);
my $fast = $jm->ws("/calm$EVENTS", key => $lazy->{key});
$_->json for $slow, $fast;

# Both are live before the flood: a replay would be paced, not cut off.
$llog->add(n => 1);
is $_->json->{data}{n}, 1, 'live' for $slow, $fast;
sleep 1;

my ($count, $seen) = (0, 0);
for (1 .. 80) {
    $count += $llog->fill(50, 4000);
    $seen  += ids($fast, 50);
    last if $jm->http(GET => '/metrics')->{body}
        =~ /^junkmail_push_ended_total\{reason="slow"\} 1$/m;
}
is $seen, $count, 'a fast reader gets everything';

my ($got, $code) = (0);
while (my $f = $slow->next_frame) {
    $code = unpack('n', $f->{data}) if $f->{opcode} == 8;
    $got++ if $f->{opcode} == 1;
}
is $code, 1013, 'a slow reader is closed with 1013';
ok $got > 0 && $got < $count, 'and got some of it before';
$_->close for $slow, $fast;

# A replay waits for its reader instead.
my @log = reverse map { $_->[0] }
    @{ $jm->{redis}->cmd('XREVRANGE', $llog->key, '+', '-', 'COUNT', 181) };
$slow = $jm->ws("$EVENTS?since=" . shift @log, key => $lazy->{key},
    rcvbuf => 32768);
$slow->json;
sleep 1;
my @ids;
while (@ids < @log) {
    push @ids, my @some = ids($slow, 20);
    last if !@some;
    sleep 0.01;
}
is_deeply \@ids, \@log, 'a slow replay is paced, and whole';
$slow->close;

# What it says is answered only as long as it reads.
$llog->add(pad => 'x' x 400_000);
$slow = $jm->ws("/calm$EVENTS?since=$log[-1]", key => $lazy->{key},
    rcvbuf => 4096);
$slow->json;
IO::Select->new($slow->{socket})->can_read(60);
$slow->send_frame(9, 'x');
my ($event, $close) = map { $slow->next_frame } 1, 2;
is $event->{opcode}, 1, 'an event that was begun is sent';
is $close->{opcode} == 8 && unpack('n', $close->{data}), 1013,
    'no answers for one who does not read';
$slow->close;

# And a silent client: ping, ten seconds, end.
my @opcodes;
while (my $f = $silent->next_frame) {
    push @opcodes, $f->{opcode};
}
is "@opcodes", '9 1', 'no pong: one ping, and the event';
ok $silent->{eof}, 'then the end';

$ws->close;

like $jm->read('error.log'), qr/websocket closed with 1013 after \d+ s/,
    'each end is logged with its code';

$jm->done;
done_testing;
