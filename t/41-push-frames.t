#!/usr/bin/perl

# Push over WebSocket: frames, after the categories of the Autobahn suite,
# whole and byte by byte; the heartbeat; slow readers.

use strict;
use warnings;

use Socket qw(IPPROTO_TCP SOL_SOCKET SO_LINGER TCP_NODELAY);
use Test::More;
use Time::HiRes qw(sleep time);

use JunkMail::Events qw(ids);
use JunkMail::Test;

my $jm = JunkMail::Test->new(junkmaild => 0, http => <<'CONF');
        location /quick/ {
            rewrite ^/quick(/.*)$ $1 break;
            junkmail_push_ping 1s;
            junkmail_api;
        }
CONF

my $EVENTS = '/api/v1/events';
my $MASK   = "\x12\x34\x56\x78";

# A client frame; `len` overrides how the length is written.
sub frame
{
    my ($first, $payload, %opt) = @_;

    my $n    = length $payload;
    my $form = $opt{form} // ($n < 126 ? 7 : $n < 65536 ? 16 : 64);
    my $mask = $opt{bare} ? 0 : 128;
    my $head = $form == 7  ? pack('CC', $first, $mask | $n)
             : $form == 16 ? pack('CCn', $first, $mask | 126, $n)
             :               pack('CCQ>', $first, $mask | 127, $n);

    return $head . $payload if $opt{bare};
    return $head . $MASK . ($payload ^ substr($MASK x ($n / 4 + 1), 0, $n));
}

sub close_frame { frame(0x88, pack('n', $_[0]) . ($_[1] // '')) }

# What the server answers, as words: pong(x) for control frames, the text of
# text frames, close(code), eof.
sub answers
{
    my ($ws, $until) = @_;

    my @words;
    while (1) {
        my $f = $ws->next_frame(3);
        if (!$f) {
            push @words, $ws->{eof} ? 'eof' : 'silence';
            last;
        }
        if ($f->{opcode} == 8) {
            push @words, length $f->{data}
                ? 'close(' . unpack('n', $f->{data}) . ')' : 'close()';
            next;
        }
        push @words, $f->{opcode} == 10 ? "pong($f->{data})"
                   : $f->{opcode} == 9  ? "ping($f->{data})" : $f->{data};
        last if defined $until && @words == $until;
    }
    return join ' ', @words;
}

my $PING = '{"type":"ping"}';
my $PONG = '{"type":"pong"}';

# name, bytes, answers; the connection is closed by us at the end of those
# that leave it open.
my @cases = (
    ['ping', frame(0x89, ''), 'pong()'],
    ['ping with payload', frame(0x89, 'hello'), 'pong(hello)'],
    ['ping of 125', frame(0x89, 'p' x 125), 'pong(' . 'p' x 125 . ')'],
    ['ping of 126', frame(0x89, 'p' x 126), 'close(1002) eof'],
    ['ten pings', join('', map { frame(0x89, "$_") } 0 .. 9),
        join(' ', map { "pong($_)" } 0 .. 9)],
    ['unasked pong', frame(0x8a, 'x') . frame(0x89, ''), 'pong()'],

    ['text ping', frame(0x81, $PING), $PONG],
    ['text ping, spaced', frame(0x81, " {\n \"type\" :\t\"ping\" }\r\n"), $PONG],
    ['text ping, in fragments', frame(0x01, '{"ty') . frame(0x00, '')
        . frame(0x00, 'pe":"p') . frame(0x80, 'ing"}'), $PONG],
    ['ping between fragments', frame(0x01, '{"type":') . frame(0x89, 'mid')
        . frame(0x80, '"ping"}'), "pong(mid) $PONG"],
    ['text ping twice', frame(0x81, $PING) x 2, "$PONG $PONG"],

    ['empty text', frame(0x81, ''), 'close(1008) eof'],
    ['other text', frame(0x81, 'hello'), 'close(1008) eof'],
    ['space within a word', frame(0x81, '{"ty pe":"ping"}'),
        'close(1008) eof'],
    ['more than a ping', frame(0x81, "$PING."), 'close(1008) eof'],
    ['less than a ping', frame(0x81, '{"type":"ping"'), 'close(1008) eof'],
    ['text of 4096', frame(0x81, ' ' x 4096), 'close(1008) eof'],
    ['text of 4097', frame(0x81, ' ' x 4097), 'close(1009) eof'],
    ['fragments of 4097', frame(0x01, ' ' x 4000) . frame(0x80, ' ' x 97),
        'close(1009) eof'],
    ['64 KiB', frame(0x82, 'b' x 65536), 'close(1009) eof'],
    ['binary', frame(0x82, 'x'), 'close(1003) eof'],

    ['not masked', frame(0x81, $PING, bare => 1), 'close(1002) eof'],
    ['RSV1', frame(0xc1, $PING), 'close(1002) eof'],
    ['RSV3', frame(0x91, $PING), 'close(1002) eof'],
    ['opcode 3', frame(0x83, ''), 'close(1002) eof'],
    ['opcode 11', frame(0x8b, ''), 'close(1002) eof'],
    ['fragmented ping', frame(0x09, ''), 'close(1002) eof'],
    ['nothing to continue', frame(0x80, 'x'), 'close(1002) eof'],
    ['text within text', frame(0x01, '{') . frame(0x81, '}'),
        'close(1002) eof'],
    ['length not minimal', frame(0x81, $PING, form => 16),
        'close(1002) eof'],
    ['length not minimal, 64 bits', frame(0x81, $PING, form => 64),
        'close(1002) eof'],

    ['bad UTF-8', frame(0x81, "\xc0\xaf"), 'close(1007) eof'],
    ['cut UTF-8', frame(0x81, "\xce"), 'close(1007) eof'],
    ['surrogate, in fragments', frame(0x01, "\xed") . frame(0x80, "\xa0\x80"),
        'close(1007) eof'],

    ['close', close_frame(1000), 'close(1000) eof'],
    ['close with reason', close_frame(1001, 'bye'), 'close(1001) eof'],
    ['close without code', frame(0x88, ''), 'close() eof'],
    ['close, own code', close_frame(4999), 'close(4999) eof'],
    ['close of one octet', frame(0x88, "\x03"), 'close(1002) eof'],
    ['close 1005', close_frame(1005), 'close(1002) eof'],
    ['close 2999', close_frame(2999), 'close(1002) eof'],
    ['close, bad reason', close_frame(1000, "\xff"), 'close(1007) eof'],
    ['ping after close', close_frame(1000) . frame(0x89, ''),
        'close(1000) eof'],
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

my $ws = connection();
$ws->raw(frame(0x89, '') x 10_000);
like answers($ws), qr/^(pong\(\) ){10,20}close\(1008\) eof$/,
    'ten thousand pings: 1008';
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

my $me  = $jm->account;
my $log = JunkMail::Events->new($jm, $me);

$ws = $jm->ws("/quick$EVENTS", key => $me->{key});
is $ws->json->{heartbeat}, 1, 'hello names the heartbeat';

my $silent = $jm->ws("/quick$EVENTS", key => $me->{key});
$silent->json;
my $began = time;

for (1 .. 3) {
    my $f = $ws->next_frame(3);
    is $f->{opcode}, 9, 'a ping after a second of silence';
    $ws->send_frame(10, $f->{data});
}

$log->add(n => 1);
is $ws->json->{data}{n}, 1, 'and events between';

# Meanwhile: a reader that takes nothing, of whom the hub gets tired.
my $lazy = $jm->account;
my $llog = JunkMail::Events->new($jm, $lazy);
my $slow = $jm->ws($EVENTS, key => $lazy->{key}, rcvbuf => 4096);
my $fast = $jm->ws($EVENTS, key => $lazy->{key});
$_->json for $slow, $fast;

# Both are live before the flood: a replay would be paced, not cut off.
$llog->add(n => 1);
is $_->json->{data}{n}, 1, 'live' for $slow, $fast;
sleep 1;

my ($count, $seen) = (4000, 0);
for (1 .. $count / 50) {
    $llog->fill(50, 4000);
    $seen += ids($fast, 50);
}
is $seen, $count, 'a fast reader gets everything';

my ($got, $code) = (0);
while (my $f = $slow->next_frame(3)) {
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
    rcvbuf => 4096);
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

# And a silent client: ping, ten seconds, end.
my @opcodes;
while (my $f = $silent->next_frame(12)) {
    push @opcodes, $f->{opcode};
}
is "@opcodes", '9 1', 'no pong: one ping, and the event';
ok $silent->{eof}, 'then the end';

$ws->close;

like $jm->read('error.log'), qr/websocket closed with 1013 after \d+ s/,
    'each end is logged with its code';

$jm->done;
done_testing;
