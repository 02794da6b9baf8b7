# XCLIENT: a proxy on the list says whose connection it passes on; the session
# begins anew, and log and trace header name the client.  Nobody else may.

use strict;
use warnings;

use lib 't/lib';
use JunkMail::LMTP;
use JunkMail::Test;
use Test::More;

my $jm = JunkMail::Test->new(junkmaild => 0,
    stream => 'junkmail_xclient 10.0.0.0/8 127.0.0.1 unix:;');
my $lmtp = JunkMail::LMTP->new(path => $jm->lmtp_socket);

my $redis = $jm->{redis};
$redis->cmd('HSET', 'jm:domain:{junkmail.test}', policy => 'closed',
    state => 'active');
$redis->cmd('ZADD', 'jm:domains', 1, 'junkmail.test');
my $to = $jm->address($jm->account, alias => 'one')->{address};

# Sends a message; what the backend saw of its trace header.
sub trace
{
    my ($s) = @_;

    $lmtp->clear;
    $s->send("MAIL FROM:<a\@b.example>\r\nRCPT TO:<$to>\r\nDATA\r\n");
    $s->reply for 1 .. 3;
    $s->send("S: x\r\n\r\nb\r\n.\r\n");
    like($s->reply, qr/^250/, 'accepted');
    my ($seen) = $lmtp->seen(1);
    return $seen->{message} =~ /^(Received: .*?) with/ms ? $1 : '';
}

subtest 'the client behind' => sub {
    my $s = $jm->smtp;
    like($s->cmd('EHLO proxy.example'),
        qr/^250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT\r$/m,
        'announced to those on the list');
    $s->cmd('MAIL FROM:<>');
    like($s->cmd('XCLIENT ADDR=192.0.2.7'), qr/^503 5\.5\.1/,
        'not in a transaction');
    $s->cmd('RSET');
    is($s->cmd('XCLIENT NAME=mta.example ADDR=192.0.2.7 PORT=2525'),
        "220 mx.junkmail.test ESMTP JunkMail\r\n", 'greets anew');
    like($s->cmd('MAIL FROM:<>'), qr/^503 5\.5\.1 Send EHLO/, 'EHLO anew');
    $s->cmd('EHLO client.example');
    is(trace($s), "Received: from client.example (mta.example [192.0.2.7])\r\n"
        . "\tby mx.junkmail.test", 'Received: names it');

    like($s->cmd('XCLIENT NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::7'), qr/^220/,
        'the next one');
    like($s->cmd('XCLIENT HELO=v6.example PROTO=SMTP'), qr/^220/, 'in two lines');
    is(trace($s), "Received: from v6.example ([IPv6:2001:db8::7])\r\n"
        . "\tby mx.junkmail.test", 'Received:');

    like($s->cmd('XCLIENT NAME=e+0D+0Avil+20(x ADDR=192.0.2.8 HELO=a+0D+0Ab'),
        qr/^220/, 'line ends in it');
    like(trace($s), qr/^Received: from a\?\?b \(e\?\?vil\?\?x \[192\.0\.2\.8\]\)\r\n/,
        'are not passed on');
    $s->cmd('QUIT');
    $s->eof;
    ok($jm->eventually(sub { $jm->read('tls.log') =~ /^192\.0\.2\.8 /m }),
        'the log has the address');
};

subtest 'bad attributes' => sub {
    my $s = $jm->smtp;
    for my $arg ('', 'ADDR', 'FOO=1', 'ADDR=1.2.3', 'ADDR=2001:db8::1',
        'PORT=65536', 'PROTO=FTP', 'NAME=+', 'NAME=+4G')
    {
        like($s->cmd("XCLIENT $arg"), qr/^501 5\.5\.4/, "'$arg'");
    }
};

subtest 'pipelined' => sub {
    my $s = $jm->smtp;
    $s->send("XCLIENT ADDR=192.0.2.9\r\nEHLO x\r\nMAIL FROM:<>\r\n"
        . "RCPT TO:<$to>\r\nDATA\r\n");
    is(join(' ', map { substr $s->reply, 0, 3 } 1 .. 5), '220 250 250 250 354',
        'in order');
};

subtest 'others' => sub {
    my $other = JunkMail::Test->new(junkmaild => 0, redis => $jm->{redis},
        stream => 'junkmail_xclient 192.0.2.0/24;');
    my $s = $other->smtp;
    unlike($s->cmd('EHLO x'), qr/XCLIENT/, 'not announced');
    like($s->cmd('XCLIENT ADDR=192.0.2.7'), qr/^550 5\.7\.0/, 'refused');
    like($other->check_conf(stream => 'junkmail_xclient nonsense;'),
        qr/"junkmail_xclient" takes addresses, networks and unix:/, 'a bad list');
    $other->done;
};

$lmtp->stop;
$jm->done;
done_testing;
