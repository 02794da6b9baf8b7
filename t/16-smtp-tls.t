# TLS (RFC 3207, RFC 8314; 25 of the checklist): STARTTLS and what it forgets,
# TLS 1.2 and 1.3, sessions resumed, $ssl_* variables, implicit TLS, a name
# that nobody knows, garbage instead of a handshake.

use strict;
use warnings;

use lib 't/lib';
use IO::Socket::SSL;
use IPC::Open2 qw(open2);
use JunkMail::LMTP;
use JunkMail::SMTP;
use JunkMail::Test;
use Test::More;
use Time::HiRes qw(sleep);

my $jm   = JunkMail::Test->new(junkmaild => 0, stream => 'junkmail_timeout 5s;');
my $lmtp = JunkMail::LMTP->new(path => $jm->lmtp_socket);

my $redis = $jm->{redis};
$redis->cmd('HSET', 'jm:domain:{junkmail.test}', policy => 'closed',
    state => 'active');
$redis->cmd('ZADD', 'jm:domains', 1, 'junkmail.test');
my $to = $jm->address($jm->account, alias => 'one')->{address};

# openssl s_client on the port; what it prints.  It says NOOP when it is greeted
# and QUIT when that is answered: by then it has its tickets, too.
sub s_client
{
    my ($port, @options) = @_;

    my $pid = open2(my $out, my $in, 'exec openssl s_client -ign_eof -crlf '
        . "-connect 127.0.0.1:$port @options 2>&1");
    my @say  = ([qr/^2[25]0 .*\n/m, 'NOOP'], [qr/^250 2\.0\.0 OK/m, 'QUIT']);
    my $said = '';
    local $SIG{PIPE} = 'IGNORE';

    while (sysread($out, $said, 4096, length $said)) {
        syswrite($in, (shift @say)->[1] . "\n")
            while @say && $said =~ $say[0][0];
    }
    waitpid $pid, 0;
    return $said;
}

subtest 'STARTTLS' => sub {
    my $s = $jm->smtp;
    like($s->cmd('EHLO x'), qr/^250-STARTTLS\r$/m, 'announced');
    like($s->cmd('STARTTLS now'), qr/^501 5\.5\.4/, 'takes no parameter');
    $s->cmd('MAIL FROM:<>');
    is($s->starttls, "220 2.0.0 Ready to start TLS\r\n", 'ready');
    like($s->cmd("RCPT TO:<$to>"), qr/^503/, 'the transaction is forgotten');
    like($s->cmd('MAIL FROM:<>'), qr/^503 5\.5\.1 Send EHLO/, 'EHLO, too');
    my $ehlo = $s->cmd('EHLO y');
    unlike($ehlo, qr/STARTTLS/, 'not announced again');
    like($s->cmd('STARTTLS'), qr/^503 5\.5\.1/, 'not to be had again');
    like($s->cmd('MAIL FROM:<>'), qr/^250/, 'the session goes on');

    $s = $jm->smtp;
    $s->send("EHLO x\r\nSTARTTLS\r\nEHLO evil\r\nMAIL FROM:<>\r\n");
    $s->reply;
    like($s->reply, qr/^554 5\.5\.1/, 'octets behind it');
    ok($s->eof, 'end the session');

    # Behind the 220 only TLS is read, whoever sent it.
    $s = $jm->smtp;
    $s->cmd('STARTTLS');
    $s->send("MAIL FROM:<>\r\n");
    my $reply = $s->reply // 'nothing';
    unlike($reply, qr/^\d{3}[ -]/, 'clear text behind the 220 gets no reply');

    $s = $jm->smtp;
    $s->cmd('STARTTLS');
    $s->close;
    ok($jm->smtp->banner, 'nobody is harmed');
};

subtest 'versions and resumption' => sub {
    for my $version ('tls1_2', 'tls1_3') {
        (my $name = uc $version) =~ s/TLS1_/TLSv1./;
        my $sess = "$jm->{dir}/$version.sess";

        my $out = s_client($jm->{smtp_port}, '-starttls smtp', "-$version",
            "-sess_out $sess", '-servername who.example');
        like($out, qr/^New, $name, Cipher/mi, "$name by STARTTLS");
        like($out, qr/^221 2\.0\.0/m, 'QUIT');

        $out = s_client($jm->{smtp_port}, '-starttls smtp', "-$version",
            "-sess_in $sess", '-servername who.example');
        like($out, qr/^Reused, $name, Cipher/mi, "$name resumed");

        $out = s_client($jm->{tls_port}, "-$version");
        like($out, qr/^New, $name, Cipher/mi, "$name, implicit");
        like($out, qr/^221 2\.0\.0/m, 'QUIT');
    }

    my $out = s_client($jm->{smtp_port}, '-starttls smtp', '-tls1_1',
        '-cipher DEFAULT:\@SECLEVEL=0');
    like($out, qr/alert|Cipher is \(NONE\)/i, 'TLS 1.1 is refused');

    ok($jm->eventually(sub {
        $jm->read('tls.log') =~ /TLSv1\.3 \S+ reused=r sni=who\.example reply=221/
    }), '$ssl_* variables: TLS 1.3, resumed');
    like($jm->read('tls.log'),
        qr/TLSv1\.2 ECDHE\S+ reused=r sni=who\.example reply=221/, 'TLS 1.2');
    like($jm->read('tls.log'), qr/TLSv1\.2 ECDHE\S+ reused=\. sni=who/, 'new');
};

subtest 'implicit TLS' => sub {
    my $tls = IO::Socket::SSL->new(PeerAddr => '127.0.0.1',
        PeerPort => $jm->{tls_port}, SSL_verify_mode => 0)
        or die "TLS: $IO::Socket::SSL::SSL_ERROR";
    my $s = bless { socket => $tls, buffer => '', timeout => 20 },
        'JunkMail::SMTP';
    like($s->reply, qr/^220 mx/, 'the greeting');
    my $ehlo = $s->cmd('EHLO x');
    unlike($ehlo, qr/STARTTLS/, 'no STARTTLS');
    like($ehlo, qr/CHUNKING/, 'all else');
    like($s->cmd('STARTTLS'), qr/^503 5\.5\.1/, 'it is active');
    $s->send("MAIL FROM:<>\r\nRCPT TO:<$to>\r\nDATA\r\n");
    $s->reply for 1 .. 3;
    $s->send("S: x\r\n\r\nb\r\n.\r\n");
    like($s->reply, qr/^250/, 'a message');
    my ($seen) = $lmtp->seen(1);
    like($seen->{message}, qr/ with ESMTPS \(TLSv1\.3 \S+\)\r\n/, 'its trace');

    my $clear = JunkMail::SMTP->new(port => $jm->{tls_port}, silent => 1);
    $clear->send("EHLO x\r\nQUIT\r\n");
    unlike($clear->reply // '', qr/^2/, 'clear text gets nothing');
};

subtest 'cut off' => sub {
    # TCP ends without TLS's own end, in a message and behind it.
    $lmtp->clear;
    for my $text ("S: x\r\n\r\nhalf\r\n.\r", "S: x\r\n\r\nhalf\r\n\r\n") {
        my $s = $jm->smtp;
        $s->starttls;
        $s->send("EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<$to>\r\nDATA\r\n");
        $s->reply for 1 .. 4;
        $s->send($text);
        shutdown($s->socket, 2);
    }
    sleep 0.3;
    is(scalar($lmtp->seen), 0, 'nothing was handed off');
};

$jm->{allow} = qr/SSL_do_handshake\(\) failed/;
$lmtp->stop;
$jm->done;
done_testing;
