# The message behind DATA: its end and nothing else, dots, octets kept as they
# came, line ends refused, size, hops, the trace header, the spool file; each
# split at every octet, pipelined and not, in clear and under TLS.

use strict;
use warnings;

use lib 't/lib';
use JunkMail::Idle;
use JunkMail::LMTP;
use JunkMail::SMTP;
use JunkMail::Test;
use Test::More;
use Time::HiRes qw(sleep);

my $hasty = JunkMail::Test->free_port;
my $jm = JunkMail::Test->new(
    junkmaild => 0,
    streams   => "server { listen 127.0.0.1:$hasty; junkmail_smtp;"
        . 'junkmail_backend unix:@DIR@/lmtp.sock; junkmail_data_timeout 1s; }',
    stream    => 'junkmail_message_size 2m; junkmail_spool_memory 8k;'
        . 'junkmail_errors 100;',
);
my $lmtp = JunkMail::LMTP->new(path => $jm->lmtp_socket);

my $redis = $jm->{redis};
$redis->cmd('HSET', 'jm:domain:{junkmail.test}', policy => 'closed',
    state => 'active');
$redis->cmd('ZADD', 'jm:domains', 1, 'junkmail.test');

my $me    = $jm->account;
my $to    = $jm->address($me, alias => 'one')->{address};
my $other = $jm->address($me, alias => 'two')->{address};

sub ready
{
    my ($s) = @_;

    for my $line ('MAIL FROM:<a@b.example>', "RCPT TO:<$to>", 'DATA') {
        my $reply = $s->cmd($line);
        return $reply if $reply !~ /^[23]/;
    }
    return 1;
}

# What reached the backend, without our trace header.
sub stored
{
    my ($seen) = $lmtp->seen(1);
    my $message = $seen->{message};
    $message =~ s/\AReturn-Path:[^\n]*\nReceived:[^\n]*\n(?:\t[^\n]*\n)*//
        or diag("no trace header: $message");
    return $message;
}

# Sends the octets as they are; the reply, and what was stored.
sub deliver
{
    my ($s, @pieces) = @_;

    $lmtp->clear;
    my $go = ready($s);
    return ($go, '') if $go ne '1';
    for my $piece (@pieces) {
        $s->send($piece);
        sleep 0.002 if @pieces > 1;
    }
    my $reply = $s->reply;
    return ($reply, $reply =~ /^250/ ? stored() : '');
}

subtest '16, 21: end of data' => sub {
    my @cases = (
        [".\r\n",                      '',                 'empty'],
        ["\r\n.\r\n",                  "\r\n",             'an empty line'],
        ["S: x\r\n\r\nb\r\n.\r\n",     "S: x\r\n\r\nb\r\n", 'plain'],
        ["..\r\n.\r\n",                ".\r\n",            'a dot'],
        ["a\r\n...x\r\n.y\r\n.\r\n",   "a\r\n..x\r\ny\r\n", 'dots'],
        ["a. \r\n. b\r\n.\r\n",        "a. \r\n b\r\n",    'dot and blank'],
        ["a\r\n.\t\r\n.\r\n",          "a\r\n\t\r\n",      'dot and tab'],
        ["\xff\x80\x01\x7f\r\n.\r\n",  "\xff\x80\x01\x7f\r\n", '8 bit'],
        ['x' x 998 . "\r\n.\r\n",     'x' x 998 . "\r\n", '998 octets (10)'],
        ['x' x 99_999 . "\r\n.\r\n",  'x' x 99_999 . "\r\n", 'a long line'],
    );
    for my $case (@cases) {
        my ($wire, $message, $name) = @$case;
        my $s = $jm->session();
        my ($reply, $stored) = deliver($s, $wire);
        like($reply, qr/^250 2\.0\.0/, "$name: accepted");
        is($stored, $message, "$name: its octets");
    }
};

subtest '16, 24: split everywhere' => sub {
    my $wire    = "S: x\r\n\r\n..a\r\n.b\r\n.\r\n";
    my $message = "S: x\r\n\r\n.a\r\nb\r\n";

    for my $tls (0, 1) {
        my $s   = $jm->session(tls => $tls);
        my $bad = 0;
        for my $at (1 .. length($wire) - 1) {
            my ($reply, $stored) = deliver($s, substr($wire, 0, $at),
                substr($wire, $at));
            next if $reply =~ /^250/ && $stored eq $message;
            $bad++;
            diag("at $at: $reply");
        }
        is($bad, 0, 'at every octet' . ($tls ? ' under TLS' : ''));

        my ($reply, $stored) = deliver($s, split //, $wire);
        like($reply, qr/^250/, 'octet by octet');
        is($stored, $message, 'as sent');
    }

    # The whole session in one write: legal but for the octets behind DATA.
    my $all = "EHLO x\r\nMAIL FROM:<a\@b.example>\r\nRCPT TO:<$to>\r\nDATA\r\n"
        . "${wire}QUIT\r\n";
    for my $at (map { $_ * 7 } 0 .. int(length($all) / 7)) {
        $lmtp->clear;
        my $s = $jm->smtp;
        $s->send(substr $all, 0, $at);
        sleep 0.003;
        $s->send(substr $all, $at);
        my $codes = join ' ', map { substr $s->reply // '?', 0, 3 } 1 .. 6;
        next if $codes eq '250 250 250 354 250 221' && stored() eq $message;
        is("at $at: $codes", 'all well');
    }
};

subtest '16, 19: refused' => sub {
    my @cases = (
        ["a\nb\r\n.\r\n",             'bare LF'],
        ["a\rb\r\n.\r\n",             'bare CR'],
        ["a\0b\r\n.\r\n",             'NUL'],
        ["a\r\n.\rX\r\n.\r\n",        'dot and bare CR'],
        ["a\n.\r\nMAIL FROM:<x\@y.example>\r\n.\r\n", 'LF.CRLF'],
        ["a\r\n.\nMAIL FROM:<x\@y.example>\r\n.\r\n", 'CRLF.LF'],
        ["a\n.\nMAIL FROM:<x\@y.example>\r\n.\r\n",   'LF.LF'],
        ["a\r.\rMAIL FROM:<x\@y.example>\r\n.\r\n",   'CR.CR'],
        ["a\r.\r\nMAIL FROM:<x\@y.example>\r\n.\r\n", 'CR.CRLF'],
        ["a\r\n.\r\r\nMAIL FROM:<x\@y.example>\r\n.\r\n", 'CRLF.CRCRLF'],
        ["a\r\n\0.\r\n.\r\n",         'NUL before the dot'],
        ["a\r\n.\0\r\nMAIL FROM:<x\@y.example>\r\n.\r\n", 'NUL behind it'],
        ["a\r\0\n.\r\0\nMAIL FROM:<x\@y.example>\r\n.\r\n", 'NUL in CRLF'],
        ["a\r\n.\rMAIL FROM:<x\@y.example>\r\n.\r\n", 'CRLF.CR'],
        ["a\n\r.\n\rMAIL FROM:<x\@y.example>\r\n.\r\n", 'LFCR.LFCR'],
    );
    for my $case (@cases) {
        my ($wire, $name) = @$case;
        my $s = $jm->session();
        my ($reply) = deliver($s, $wire);
        like($reply, qr/^550 5\.6\.11/, $name);
        like($s->cmd('NOOP'), qr/^250/, "$name: in step");
        like($s->cmd("RCPT TO:<$to>"), qr/^503/, "$name: nothing smuggled");
    }
    is(scalar($lmtp->seen), 0, 'the backend has seen none of it');
};

subtest '23: size' => sub {
    my $max  = 2 * 1024 * 1024;
    my $line = ('x' x 998) . "\r\n";
    my $full = "S: x\r\n\r\n" . $line x int(($max - 8) / 1000);
    $full .= ('y' x ($max - length($full) - 2)) . "\r\n";

    my $s = $jm->session();
    my ($reply, $stored) = deliver($s, "$full.\r\n");
    like($reply, qr/^250/, 'a message of the maximum size');
    ok($stored eq $full, 'intact, by way of the spool file');

    ($reply) = deliver($s, "${full}z\r\n.\r\n");
    like($reply, qr/^552 5\.3\.4/, 'three octets more');
    like($s->cmd('NOOP'), qr/^250/, 'in step');

    my @files = glob("$jm->{dir}/spool/*");
    is(scalar @files, 0, 'no file is left in the spool');

    # Dots do not count twice: they are removed before.
    my $dots = ".x\r\n" x 100_000;
    (my $wire = $dots) =~ s/^\./../mg;
    ($reply, $stored) = deliver($s, "$wire.\r\n");
    like($reply, qr/^250/, 'many dots');
    ok($stored eq $dots, 'intact');

    for my $n (8190 .. 8194, 4094 .. 4098) {
        my $body = ('x' x ($n - 2)) . "\r\n";
        ($reply, $stored) = deliver($s, "$body.\r\n");
        next if $reply =~ /^250/ && $stored eq $body;
        fail("$n octets, at a border of the spool");
    }
};

subtest '20: hops' => sub {
    my $hop = "Received: from x by y; z\r\n";
    my $s = $jm->session();
    my ($reply) = deliver($s, $hop x 100 . "\r\nbody\r\n.\r\n");
    like($reply, qr/^250/, '100 hops');
    ($reply) = deliver($s, $hop x 101 . "\r\nbody\r\n.\r\n");
    like($reply, qr/^554 5\.4\.6/, '101 are a loop');
    ($reply) = deliver($s, "S: x\r\n\r\n" . $hop x 200 . ".\r\n");
    like($reply, qr/^250/, 'in the body they are text');
};

subtest '20: trace header' => sub {
    my $s = $jm->smtp;
    $s->cmd("EHLO bad(name\@x");
    deliver($s, "S: x\r\n\r\n.\r\n");
    my ($seen) = $lmtp->seen(1);
    like($seen->{message}, qr{\A
        Return-Path:\ <a\@b\.example>\r\n
        Received:\ from\ bad\?name\?x\ \(\[127\.0\.0\.1\]\)\r\n
        \tby\ mx\.junkmail\.test\ with\ ESMTP\r\n
        \tid\ ([0-9a-f]{32})\r\n
        \tfor\ <one\@junkmail\.test>;\r\n
        \t(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),\ \d{1,2}\ [A-Z][a-z]{2}\ \d{4}
        \ \d\d:\d\d:\d\d\ \+0000\r\nS:\ x\r\n}x, 'one recipient, ESMTP');
    my ($id) = $seen->{message} =~ /\tid (\w+)/;
    like($seen->{mail}, qr/ XDID=$id\b/, 'its id is the delivery id');
    is($seen->{bdat}, length $seen->{message}, 'BDAT says its length');

    $s = $jm->smtp;
    $s->cmd('HELO old.example');
    $lmtp->clear;
    $s->cmd($_) for 'MAIL FROM:<>', "RCPT TO:<$to>", "RCPT TO:<$other>", 'DATA';
    $s->send("S: x\r\n\r\n.\r\n");
    like($s->reply, qr/^250/, 'accepted');
    ($seen) = $lmtp->seen(1);
    like($seen->{message}, qr/\AReturn-Path: <>\r\n/, 'null path');
    like($seen->{message}, qr/ with SMTP\r\n/, 'HELO is SMTP');
    unlike($seen->{message}, qr/\tfor /, 'two recipients: none is named');
    is_deeply($seen->{rcpt}, ["RCPT TO:<$to>", "RCPT TO:<$other>"],
        'both are handed over');
};

subtest '18, 22: cut off' => sub {
    $lmtp->clear;
    my $s = $jm->session();
    ready($s);
    $s->send("S: x\r\n\r\nhalf\r\n.");
    $s->close;

    $s = $jm->session(tls => 1);
    ready($s);
    $s->send("S: x\r\n\r\nhalf\r\n.\r");
    $s->close;

    $s = $jm->smtp(port => $hasty);
    $s->cmd('EHLO x');
    ready($s);
    $s->send("S: x\r\n\r\nslow\r\n");
    like($s->reply, qr/^421 4\.4\.2/, 'silence in DATA');
    ok($s->eof, 'closed');
    is(scalar($lmtp->seen), 0, 'nothing was handed off');

    # Behind the final dot it is complete: the hand-off goes on.
    $s = $jm->session();
    ready($s);
    $s->send("S: x\r\n\r\nwhole\r\n.\r\n");
    $s->close;
    like(stored(), qr/^whole\r$/m, 'a client that left after the final dot');
};

subtest '17: many on one connection' => sub {
    my $s = $jm->session();
    my $go = "MAIL FROM:<>\r\nRCPT TO:<$to>\r\nDATA\r\nS: x\r\n\r\nbody\r\n.\r\n";
    my $run = sub {
        my $ok = 0;
        for (1 .. $_[0]) {
            $s->send($go);
            my $last;
            $last = $s->reply for 1 .. 4;
            $ok++ if $last =~ /^250 2\.0\.0/;
        }
        return $ok;
    };
    is($run->(50), 50, '50 messages');
    my $before = JunkMail::Idle::memory($jm->nginx_workers);
    is($run->(150), 150, '150 more');
    my $grown = JunkMail::Idle::memory($jm->nginx_workers) - $before;
    ok($grown < 300 * 1024, "memory does not grow ($grown)")
        if !$JunkMail::Test::SAN;
};

subtest 'no room' => sub {
    # A spool that cannot be written: refused in step, and nothing is lost.
    my $s = $jm->session();
    rename "$jm->{dir}/spool", "$jm->{dir}/away";
    my ($reply) = deliver($s, ("x" x 70 . "\r\n") x 500, ".\r\n");
    like($reply, qr/^452 4\.3\.1/, 'no spool directory');
    like($s->cmd('NOOP'), qr/^250/, 'in step');
    rename "$jm->{dir}/away", "$jm->{dir}/spool";
    ($reply) = deliver($s, ("x" x 70 . "\r\n") x 500, ".\r\n");
    like($reply, qr/^250/, 'and back');
};

$jm->{allow} = qr/spool.* failed|statfs/;
$lmtp->stop;
$jm->done;
done_testing;
