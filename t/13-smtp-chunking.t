# CHUNKING (RFC 3030; 28 of the checklist): chunks of every size, pipelined and
# not, cut anywhere, in clear and under TLS; refused ones are consumed; sizes
# summed up; a connection that ends in a chunk leaves nothing.

use strict;
use warnings;

use lib 't/lib';
use JunkMail::LMTP;
use JunkMail::Test;
use Test::More;
use Time::HiRes qw(sleep);

my $max = 1024 * 1024;
my $hasty = JunkMail::Test->free_port;
my $jm  = JunkMail::Test->new(
    junkmaild => 0,
    streams   => "server { listen 127.0.0.1:$hasty; junkmail_smtp;"
        . 'junkmail_backend unix:@DIR@/lmtp.sock; junkmail_data_timeout 1s; }',
    stream    => "junkmail_message_size $max; junkmail_spool_memory 8k;"
        . 'junkmail_errors 100;',
);
my $lmtp = JunkMail::LMTP->new(path => $jm->lmtp_socket);

my $redis = $jm->{redis};
$redis->cmd('HSET', 'jm:domain:{junkmail.test}', policy => 'closed',
    state => 'active');
$redis->cmd('ZADD', 'jm:domains', 1, 'junkmail.test');

my $to   = $jm->address($jm->account, alias => 'one')->{address};
my $open = "MAIL FROM:<a\@b.example>\r\nRCPT TO:<$to>\r\n";
my $text = "S: x\r\n\r\n.\r\n..dots\r\n\r\n.\r\nQUIT\r\n";

sub begin
{
    my ($s) = @_;

    $s->send($open);
    return join '', map { $s->reply } 1, 2;
}

# The message in chunks of these sizes, the rest in the last one.
sub chunks
{
    my ($message, @sizes) = @_;

    my $wire = '';
    my $at   = 0;
    for my $size (@sizes) {
        $wire .= "BDAT $size\r\n" . substr $message, $at, $size;
        $at += $size;
    }
    return $wire . 'BDAT ' . (length($message) - $at) . " LAST\r\n"
        . substr $message, $at;
}

# What reached the backend, without our trace header.
sub stored
{
    my ($seen) = $lmtp->seen(1);
    my $message = $seen->{message};
    $message =~ s/\AReturn-Path:[^\n]*\nReceived:[^\n]*\n(?:\t[^\n]*\n)*//;
    $lmtp->clear;
    return $message;
}

subtest 'every size' => sub {
    for my $tls (0, 1) {
        my $s   = $jm->session(tls => $tls);
        my $how = $tls ? ' under TLS' : '';

        for my $size (0 .. length $text) {
            begin($s);
            $s->send(chunks($text, $size));
            my $codes = join ' ', map { substr $s->reply, 0, 3 } 1, 2;
            next if $codes eq '250 250' && stored() eq $text;
            fail("a chunk of $size$how: $codes");
        }

        begin($s);
        $s->send(chunks($text, (1) x length $text));
        my @codes = map { substr $s->reply, 0, 3 } 0 .. length $text;
        is(scalar(grep { $_ ne '250' } @codes), 0, "octet by octet$how");
        is(stored(), $text, 'and BDAT 0 LAST');
    }
};

subtest 'pipelined, cut anywhere' => sub {
    my $wire = "EHLO x\r\n$open" . chunks($text, 3, 0, 9) . "NOOP\r\nQUIT\r\n";
    for my $at (map { $_ * 5 } 0 .. int(length($wire) / 5)) {
        my $s = $jm->smtp;
        $s->send(substr $wire, 0, $at);
        sleep 0.002;
        $s->send(substr $wire, $at);
        my $codes = join ' ', map { substr $s->reply // '?', 0, 3 } 1 .. 9;
        next if $codes eq '250 250 250 250 250 250 250 250 221'
            && stored() eq $text;
        fail("at $at: $codes");
    }

    my $s = $jm->session(tls => 1);
    for my $octet (split //, $open . chunks($text, 5)) {
        $s->send($octet);
    }
    is(join(' ', map { substr $s->reply, 0, 3 } 1 .. 4), '250 250 250 250',
        'octet by octet under TLS');
    is(stored(), $text, 'as sent');
};

subtest 'refused' => sub {
    my $s = $jm->session();
    like($s->cmd("BDAT 6 LAST\r\nQUIT\r\nNOOP"), qr/^503 5\.5\.1/, 'no MAIL');
    like($s->reply, qr/^250/, 'in step');
    $s->cmd('MAIL FROM:<>');
    like($s->cmd("BDAT 6 LAST\r\nQUIT\r\nNOOP"), qr/^503 5\.5\.1/, 'no RCPT');
    like($s->reply, qr/^250/, 'in step');
    $s->cmd('RCPT TO:<no@junkmail.test>');
    like($s->cmd("BDAT 6 LAST\r\nQUIT\r\nNOOP"), qr/^554 5\.5\.1/,
        'no valid recipient');
    like($s->reply, qr/^250/, 'in step');

    like($s->cmd('MAIL FROM:<> BODY=BINARYMIME'), qr/^503/, 'nested MAIL');
    $s->cmd('RSET');
    like($s->cmd('MAIL FROM:<> BODY=BINARYMIME'), qr/^504 5\.5\.4/,
        'BINARYMIME');

    for my $bad ("a\rb", "a\nb", "a\0b", "ab\r") {
        begin($s);
        $s->send("BDAT 1\r\nxBDAT " . length($bad) . " LAST\r\n${bad}NOOP\r\n");
        my @replies = map { $s->reply } 1 .. 3;
        like($replies[1], qr/^550 5\.6\.11/, 'bare CR, LF, NUL');
        like($replies[2], qr/^250/, 'in step');
    }

    begin($s);
    $s->send("BDAT 2\r\nx\rBDAT 3 LAST\r\n\ny\n");
    like($s->reply, qr/^250/, 'CR at the end of a chunk');
    like($s->reply, qr/^550/, 'LF follows, but then a bare one');

    begin($s);
    $s->send("BDAT 3\r\na\r\nDATA\r\nRCPT TO:<$to>\r\nMAIL FROM:<>\r\nRSET\r\n"
        . "BDAT 1 LAST\r\nx");
    is(join(' ', map { substr $s->reply, 0, 3 } 1 .. 6),
        '250 503 503 503 250 503', 'DATA, RCPT, MAIL after BDAT');

    for my $line ('BDAT', 'BDAT x', 'BDAT -1 LAST', 'BDAT 1 FIRST',
        'BDAT 99999999999999999999 LAST')
    {
        my $t = $jm->session();
        begin($t);
        $t->send("$line\r\nMAIL FROM:<>\r\n");
        like($t->reply, qr/^501 5\.5\.4/, $line);
        ok($t->eof, 'what follows is not run');
    }

    sleep 0.2;
    is(scalar($lmtp->seen), 0, 'the backend has seen none of it');
};

subtest 'size' => sub {
    my $line = 'x' x 998 . "\r\n";
    my $full = $line x int($max / 1000);
    $full .= 'y' x ($max - 2 - length $full) . "\r\n";

    my $s = $jm->session();
    begin($s);
    $s->send(chunks($full, 1000, 8192, 500_000));
    is(join(' ', map { substr $s->reply, 0, 3 } 1 .. 4), '250 250 250 250',
        'the maximum, in four chunks');
    ok(stored() eq $full, 'intact, by way of the spool file');

    begin($s);
    $s->send(chunks("${full}z", length $full));
    like($s->reply, qr/^250/, 'as much again');
    like($s->reply, qr/^552 5\.3\.4/, 'one octet more');

    begin($s);
    $s->send(chunks("$full$full", $max + 1, 1000));
    is(join(' ', map { substr $s->reply, 0, 9 } 1 .. 3),
        '552 5.3.4 552 5.3.4 552 5.3.4', 'too big at once, and what follows');
    like($s->cmd('MAIL FROM:<>'), qr/^250/, 'in step, ready for the next');

    is(scalar(glob("$jm->{dir}/spool/*") // 0), 0, 'nothing left in the spool');
};

subtest 'trace header' => sub {
    my $s = $jm->session(tls => 1);
    begin($s);
    $s->send(chunks($text));
    like($s->reply, qr/^250/, 'accepted');
    my ($seen) = $lmtp->seen(1);
    like($seen->{message}, qr/ with ESMTPS \(TLS/, 'with ESMTPS');
    $lmtp->clear;
};

subtest 'cut off' => sub {
    for my $tls (0, 1) {
        my $s = $jm->session(tls => $tls);
        begin($s);
        $s->send("BDAT 10 LAST\r\nhalf\r\n");
        $s->close;

        # All octets, but not the last chunk.
        $s = $jm->session(tls => $tls);
        begin($s);
        $s->send("BDAT 6\r\nhalf\r\n");
        $s->reply;
        $s->close;
    }

    # TCP ends without TLS's own end.
    my $s = $jm->session(tls => 1);
    begin($s);
    $s->send("BDAT 10 LAST\r\nhalf\r\n");
    shutdown($s->socket, 2);

    $s = $jm->smtp(port => $hasty);
    $s->cmd('EHLO x');
    begin($s);
    $s->send("BDAT 10 LAST\r\nhalf\r\n");
    like($s->reply, qr/^421 4\.4\.2/, 'silence in a chunk');
    ok($s->eof, 'closed');

    is(scalar($lmtp->seen), 0, 'nothing was handed off');

    $s = $jm->session();
    begin($s);
    $s->send("BDAT 7 LAST\r\nwhole\r\n");
    $s->close;
    is(stored(), "whole\r\n", 'complete: the hand-off goes on');
};

subtest 'to a server without CHUNKING' => sub {
    $lmtp->stop;
    $lmtp = JunkMail::LMTP->new(path => $jm->lmtp_socket,
        plan => [{ caps => ['PIPELINING'] }]);

    for my $end ("\r\n", '', '.', "\r\n.") {
        my $s = $jm->session();
        begin($s);
        my $message = "S: x\r\n\r\nb$end";
        $s->send(chunks($message, 4));
        is(join(' ', map { substr $s->reply, 0, 3 } 1, 2), '250 250', 'sent');
        $message .= "\r\n" if $message !~ /\r\n\z/;
        is(stored(), $message, 'it ends in CRLF there');
    }
};

$lmtp->stop;
$jm->done;
done_testing;
