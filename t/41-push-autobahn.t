#!/usr/bin/perl

# The cases of the Autobahn test suite, under its numbers, for a server that
# echoes nothing.  Where Autobahn sends a text to have it echoed, a ping of ours
# of the same length stands, which is answered; other text closes with 1008 once
# it is whole, binary with 1003, more than 4,096 octets with 1009.  What leaves
# the connection open is followed by a ping that must be answered.
#
# Not here: 9 (speed and size beyond our limit), 12 and 13 (compression, which
# is never negotiated).

use strict;
use warnings;

use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Test::More;
use Time::HiRes qw(sleep);

use JunkMail::Frames qw(answers close_frame frame);
use JunkMail::Test;

my $jm = JunkMail::Test->new(junkmaild => 0, http => <<'CONF');
        junkmail_account_rate_limit off;
        junkmail_push_connections_per_key 0;
        junkmail_push_connections_per_address 0;
CONF

my $key  = $jm->account->{key};
my $PING = '{"type":"ping"}';
my $PONG = '{"type":"pong"}';

# A ping of ours, as long as Autobahn's text.
sub message { $PING . ' ' x ($_[0] - length $PING) }

sub text   { frame(0x81, @_) }
sub binary { frame(0x82, @_) }
sub ping   { frame(0x89, @_) }
sub pong   { frame(0x8a, @_) }

# Text in fragments: the first, those in between, the last.
sub fragments
{
    my @pieces = @_;
    return map { frame(($_ == 0 ? 1 : 0) | ($_ == $#pieces ? 0x80 : 0),
                       $pieces[$_]) } 0 .. $#pieces;
}

my ($refused, $unsupported, $broken, $not_utf8, $too_big)
    = map { "close($_) eof" } 1008, 1003, 1002, 1007, 1009;
my @halves = fragments('{"type":', '"ping"}');

# Number, what it is, how it is written (all at once, each frame, each octet,
# or pieces of so many octets), the answers, the frames.
my @cases;
sub case { push @cases, [@_] }

# --- 1: framing ------------------------------------------------------------

case('1.1.1', 'text of 0', 'whole', $refused, text(''));
case("1.1.$$_[0]", "text of $$_[1]", 'whole', $PONG, text(message($$_[1])))
    for [2, 125], [3, 126], [4, 127], [5, 128], ['5a', 4095], ['5b', 4096];
case("1.1.$$_[0]", "text of $$_[1]", $$_[2], $too_big, text(message($$_[1])))
    for ['5c', 4097, 'whole'], [6, 65535, 'whole'], [7, 65536, 'whole'],
        [8, 65536, 997];
case("1.2.$$_[0]", "binary of $$_[1]", 'whole', $unsupported,
    binary("\xfe" x $$_[1]))
    for [1, 0], [2, 125], [3, 126], [4, 127], [5, 128], ['5b', 4096];
case("1.2.$$_[0]", "binary of $$_[1]", $$_[2], $too_big,
    binary("\xfe" x $$_[1]))
    for [6, 65535, 'whole'], [7, 65536, 'whole'], [8, 65536, 997];

# --- 2: pings and pongs ----------------------------------------------------

my $some   = "\x00\xff\xfe\xfd\xfc\xfb\x00\xff";
my $octets = "\xfe" x 125;
my @ten    = map { ping("payload-$_") } 0 .. 9;
my $tenth  = join ' ', map { "pong(payload-$_)" } 0 .. 9;

case('2.1',  'ping',                   'whole',  'pong()', ping(''));
case('2.2',  'ping with text',         'whole',  'pong(Hello)', ping('Hello'));
case('2.3',  'ping with octets',       'whole',  "pong($some)", ping($some));
case('2.4',  'ping of 125',            'whole',  "pong($octets)",
    ping($octets));
case('2.5',  'ping of 126',            'whole',  $broken, ping('x' x 126));
case('2.6',  'ping of 125',            'octets', "pong($octets)",
    ping($octets));
case('2.7',  'unasked pong',           'whole',  '', pong(''));
case('2.8',  'unasked pong with text', 'whole',  '', pong('unasked'));
case('2.9',  'unasked pong, ping',     'whole',  'pong(ping)', pong('unasked'),
    ping('ping'));
case('2.10', 'ten pings',              'whole',  $tenth, @ten);
case('2.11', 'ten pings',              'octets', $tenth, @ten);

# --- 3: reserved bits ------------------------------------------------------

case('3.1', 'RSV 1',             'whole',  $broken, frame(0x91, $PING));
case('3.2', 'RSV 2 after text',  'whole',  "$PONG $broken", text($PING),
    frame(0xa1, $PING), ping(''));
case('3.3', 'RSV 3 after text',  'frames', "$PONG $broken", text($PING),
    frame(0xb1, $PING), ping(''));
case('3.4', 'RSV 4 after text',  'octets', "$PONG $broken", text($PING),
    frame(0xc1, $PING), ping(''));
case('3.5', 'RSV 5, binary',     'whole',  $broken, frame(0xd2, $octets));
case('3.6', 'RSV 6, ping',       'whole',  $broken, frame(0xe9, 'Hello'));
case('3.7', 'RSV 7, close',      'whole',  $broken,
    frame(0xf8, pack('n', 1000)));

# --- 4: reserved opcodes ---------------------------------------------------

for my $first (3, 11) {
    my $n  = $first == 3 ? '4.1' : '4.2';
    my @op = map { 0x80 | $_ } $first .. $first + 4;

    case("$n.1", "opcode $first", 'whole', $broken, frame($op[0], ''));
    case("$n.2", 'the next with text', 'whole', $broken, frame($op[1], 'x'));
    case("$n.3", 'the next after text', 'frames', "$PONG $broken", text($PING),
        frame($op[2], ''), ping(''));
    case("$n.4", 'the next with text after text', 'frames', "$PONG $broken",
        text($PING), frame($op[3], 'x'), ping(''));
    case("$n.5", 'the last after text', 'octets', "$PONG $broken", text($PING),
        frame($op[4], 'x'), ping(''));
}

# --- 5: fragments ----------------------------------------------------------

case('5.1', 'ping in fragments', 'frames', $broken, frame(0x09, 'a'),
    frame(0x80, 'b'));
case('5.2', 'pong in fragments', 'frames', $broken, frame(0x0a, 'a'),
    frame(0x80, 'b'));

my @how = qw(frames whole octets);
case('5.' . (3 + $_), 'text in two', $how[$_], $PONG, @halves) for 0 .. 2;
case('5.' . (6 + $_), 'a ping between', $how[$_], "pong(ping) $PONG",
    $halves[0], ping('ping'), $halves[1]) for 0 .. 2;
case('5.' . (9 + $_), 'nothing to continue, FIN', $how[$_], $broken,
    frame(0x80, 'x'), text($PING)) for 0 .. 2;
case('5.' . (12 + $_), 'nothing to continue', $how[$_], $broken,
    frame(0x00, 'x'), text($PING)) for 0 .. 2;
case('5.15', 'nothing to continue after text in two', 'whole',
    "$PONG $broken", @halves, frame(0x00, 'x'), text($PING));
case('5.16', 'nothing to continue, twice', 'whole', $broken,
    (frame(0x00, 'x'), @halves) x 2);
case('5.17', 'nothing to continue, FIN, twice', 'whole', $broken,
    (frame(0x80, 'x'), @halves) x 2);
case('5.18', 'two fragments that both say text', 'whole', $broken,
    frame(0x01, $PING), frame(0x81, ''));

my @five = fragments('{', '"type"', ':', '"ping"', '}');
case("5.$$_[0]", 'text in five, pings between', $$_[1],
    "pong(one) pong(two) $PONG", @five[0, 1], ping('one'), @five[2, 3],
    ping('two'), $five[4])
    for [19, 'frames'], [20, 'whole'];

# --- 6: UTF-8 --------------------------------------------------------------

my $kosme = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";
my $valid = "Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0"
    . "\xc3\xa1-UTF-8!!";
my $wrong = "$kosme\xed\xa0\x80edited";

case('6.1.1', 'empty', 'whole', $refused, text(''));
case('6.1.2', 'three empty fragments', 'whole', $refused,
    fragments('', '', ''));
case('6.1.3', 'empty around a ping of ours', 'whole', $PONG,
    fragments('', $PING, ''));
case('6.2.1', 'valid', 'whole', $refused, text($valid));
case('6.2.2', 'valid in two', 'whole', $refused,
    fragments(substr($valid, 0, 14), substr($valid, 14)));
case('6.2.3', 'valid, an octet a fragment', 'whole', $refused,
    fragments(split //, $valid));
case('6.2.4', 'a word, an octet a fragment', 'whole', $refused,
    fragments(split //, $kosme));
case('6.3.1', 'invalid', 'whole', $not_utf8, text($wrong));
case('6.3.2', 'invalid, an octet a fragment', 'whole', $not_utf8,
    fragments(split //, $wrong));

# At the first octet that cannot be: the rest is never sent.
case('6.4.1', 'fails before the last fragment', 'frames', $not_utf8,
    (fragments($kosme, "\xf4\x90\x80\x80", 'edited'))[0, 1]);
case('6.4.2', 'fails within a character', 'frames', $not_utf8,
    (fragments("$kosme\xf4", "\x90", "\x80\x80edited"))[0, 1]);
case('6.4.3', 'fails before the end of the frame', 'whole', $not_utf8,
    substr(text("$kosme\xf4\x90\x80\x80edited"), 0, 6 + 15));
case('6.4.4', 'fails within a character of it', 'octets', $not_utf8,
    substr(text("$kosme\xf4\x90\x80\x80edited"), 0, 6 + 13));

# A section's texts, all of them valid or not.
sub utf8
{
    my ($section, $expect, @texts) = @_;

    for my $n (1 .. @texts) {
        my $octets = pack('H*', $texts[$n - 1] =~ s/ //gr);
        case("6.$section.$n", $texts[$n - 1], 'whole', $expect, text($octets));
        case("6.$section.$n", "$texts[$n - 1], an octet a fragment", 'whole',
            $expect, fragments(split //, $octets)) if length $octets > 1;
    }
}

for my $n (1 .. length $kosme) {
    my $start = substr($kosme, 0, $n);
    my $whole = utf8::decode(my $copy = $start);
    case("6.6.$n", "the first $n octets of a word", 'whole',
        $whole ? $refused : $not_utf8, text($start));
}
utf8(7, $refused, '00', 'c280', 'e0a080', 'f0908080');
utf8(8, $not_utf8, 'f888808080', 'fc8480808080');
utf8(9, $refused, '7f', 'dfbf', 'efbfbf', 'f48fbfbf');
utf8(10, $not_utf8, 'f7bfbfbf', 'fbbfbfbfbf', 'fdbfbfbfbfbf');
utf8(11, $refused, 'ed9fbf', 'ee8080', 'efbfbd', 'f48fbfbf');
case('6.11.5', 'f4908080', 'whole', $not_utf8, text("\xf4\x90\x80\x80"));
utf8(12, $not_utf8, '80', 'bf', map({ substr('80bf' x 4, 0, 2 * $_) } 2 .. 6),
    join('', map { sprintf '%02x', $_ } 0x80 .. 0xbf));
utf8(13, $not_utf8, map { my ($from, $to) = @$_;
    join ' ', map { sprintf '%02x20', $_ } $from .. $to }
    [0xc0, 0xdf], [0xe0, 0xef], [0xf0, 0xf7], [0xf8, 0xfb], [0xfc, 0xfd]);
my @cut = qw(c0 e080 f08080 f8808080 fc80808080
             df efbf f7bfbf fbbfbfbf fdbfbfbfbf);
utf8(14, $not_utf8, @cut);
utf8(15, $not_utf8, join ' ', @cut);
utf8(16, $not_utf8, 'fe', 'ff', 'fefeffff');
utf8(17, $not_utf8, qw(c0af e080af f08080af f8808080af fc80808080af));
utf8(18, $not_utf8, qw(c1bf e09fbf f08fbfbf f887bfbfbf fc83bfbfbfbf));
utf8(19, $not_utf8, qw(c080 e08080 f0808080 f880808080 fc8080808080));
utf8(20, $not_utf8, qw(eda080 edadbf edae80 edafbf edb080 edbe80 edbfbf));
utf8(21, $not_utf8, map { my $high = $_; map { "$high$_" } qw(edb080 edbfbf) }
    qw(eda080 edadbf edae80 edafbf));
utf8(22, $refused, map { my $plane = $_; map {
    my $character = chr($plane << 16 | $_);
    utf8::encode($character);
    unpack 'H*', $character } 0xfffe, 0xffff } 0 .. 16);
utf8(23, $refused, map { sprintf 'efbf%02x', $_ } 0xb9 .. 0xbf);

# --- 7: closing ------------------------------------------------------------

my $close  = close_frame(1000);
my $closed = 'close(1000) eof';

case('7.1.1', 'close after text', 'whole', "$PONG $closed", text($PING),
    $close);
case('7.1.2', 'close twice', 'whole', $closed, $close, $close);
case('7.1.3', 'ping after close', 'frames', $closed, $close, ping(''));
case('7.1.4', 'text after close', 'frames', $closed, $close, text($PING));
case('7.1.5', 'close within fragments', 'frames', $closed, $halves[0], $close,
    $halves[1]);
case('7.1.6', '256 KiB, close, ping', 'whole', $too_big,
    text(message(256 * 1024)), $close, ping(''));
case('7.3.1', 'close without payload', 'whole', 'close() eof',
    frame(0x88, ''));
case('7.3.2', 'close of one octet', 'whole', $broken, frame(0x88, 'a'));
case('7.3.3', 'close with code', 'whole', $closed, $close);
case('7.3.4', 'close with reason', 'whole', $closed,
    close_frame(1000, 'Hello World!'));
case('7.3.5', 'a reason of 123', 'whole', $closed,
    close_frame(1000, 'x' x 123));
case('7.3.6', 'a reason of 124', 'whole', $broken,
    close_frame(1000, 'x' x 124));
case('7.5.1', 'a reason that is not UTF-8', 'whole', $not_utf8,
    close_frame(1000, $wrong));

my @good = (1000 .. 1003, 1007 .. 1011, 3000, 3999, 4000, 4999, 1012 .. 1014);
case('7.7.' . ($_ + 1), "close $good[$_]", 'whole', "close($good[$_]) eof",
    close_frame($good[$_])) for 0 .. $#good;
my @bad = (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 1015);
case('7.9.' . ($_ + 1), "close $bad[$_]", 'whole', $broken,
    close_frame($bad[$_])) for 0 .. $#bad;
case('7.13.1', 'close 5000', 'whole', $broken, close_frame(5000));
case('7.13.2', 'close 65535', 'whole', $broken, close_frame(65535));

# --- 10: fragmentation by itself -------------------------------------------

sub by { my ($size, $message) = @_; fragments($message =~ /.{1,$size}/gs) }

case('10.1.1', '65536 by 1300', 'whole', $too_big, by(1300, message(65536)));
case('10.1.1a', '4096 by 13', 'whole', $PONG, by(13, message(4096)));
case('10.1.1b', '4097 by 1300', 'whole', $too_big, by(1300, message(4097)));

# --- what is not masked, or longer than it need be (RFC 6455, 5.1, 5.2) ----

case('-', 'not masked', 'whole', $broken, text($PING, bare => 1));
case('-', 'a ping, not masked', 'whole', $broken, ping('', bare => 1));
case('-', '16 bits of length for 15', 'whole', $broken,
    text($PING, form => 16));
case('-', '64 bits of length for 15', 'whole', $broken,
    text($PING, form => 64));
case('-', '64 bits of length for 128', 'whole', $broken,
    text(message(128), form => 64));

# --- the run ---------------------------------------------------------------

sub pieces
{
    my ($how, @frames) = @_;

    return $how eq 'frames' ? @frames
         : $how eq 'whole'  ? join('', @frames)
         : unpack($how eq 'octets' ? '(a1)*' : "(a$how)*", join '', @frames);
}

for my $case (@cases) {
    my ($number, $what, $how, $expect, @frames) = @$case;
    my @expect = split ' ', $expect;
    my $ends   = $expect =~ /eof$/;

    my $ws = $jm->ws('/api/v1/events', key => $key);
    $ws->json;
    setsockopt($ws->socket, IPPROTO_TCP, TCP_NODELAY, 1);

    my @pieces = pieces($how, @frames);
    for my $piece (@pieces) {
        $ws->raw($piece) or last;
        sleep 0.0003 if @pieces > 1;
    }

    # Ten control frames are all that a second allows.  (A payload may hold what
    # separates words.)
    my $answers = '';
    if (@frames >= 10 && !$ends) {
        $answers = answers($ws, scalar @expect) . ' ' if @expect;
        sleep 1.1;
    }
    $ws->raw(ping('alive')) if !$ends;
    $answers .= answers($ws, $ends ? undef : $answers ? 1 : 1 + @expect);
    is $answers, $ends ? $expect : join(' ', @expect, 'pong(alive)'),
        "$number: $what ($how)";
    $ws->close;
}

$jm->done;
done_testing;
