# swaks, a mail engineer's tool, in each of its modes against the edge, and by
# LMTP against junkmaild; openssl s_client.

use strict;
use warnings;

use lib 't/lib';
use JunkMail::Test;
use Test::More;

my ($smtps, $proxied) = map { JunkMail::Test->free_port } 1, 2;
my $server = sub {
    my ($listen) = @_;
    return <<"CONF";
    }
    server {
        listen 127.0.0.1:$listen;
        set_real_ip_from 127.0.0.1;
        junkmail_smtp;
        junkmail_hostname mx.junkmail.test;
        junkmail_backend unix:\@DIR\@/lmtp.sock;
        junkmail_spool_path \@DIR\@/spool;
CONF
};
my $jm = JunkMail::Test->new(stream =>
    $server->("$smtps ssl") . $server->("$proxied proxy_protocol"));
my $me = $jm->account;
my @to = map { $jm->address($me, alias => $_)->{address} } qw(one two);

# Runs swaks; its exit code and what it showed.
sub swaks
{
    my (@options) = @_;

    my $command = join ' ', map { "'$_'" } 'swaks', '--from', 'a@b.example',
        '--helo', 'client.example', '--timeout', '40', @options;
    my $shown = qx{$command 2>&1 </dev/null};
    return ($? >> 8, $shown);
}

sub newest
{
    my ($mail) = @{ $jm->api(GET => '/emails?fields=summary&limit=20', key => $me->{key})->{json}{data} };
    return $jm->api(GET => "/emails/$mail->{id}/source", key => $me->{key})
        ->{body};
}

my $eight = "$jm->{dir}/eight";
$jm->write('eight', "Subject: 8-bit\n\n.\n..\n\xe2\x82\xac\n");
my $big = "$jm->{dir}/big";
$jm->write('big', "Subject: big\n\n" . ('x' x 70 . "\n") x 10_000);

my $edge = "127.0.0.1:$jm->{smtp_port}";
my @cases = (
    ['HELO', qr/with SMTP\r/, '--protocol', 'SMTP', '--server', $edge],
    ['EHLO', qr/with ESMTP\r/, '--server', $edge],
    ['STARTTLS', qr/with ESMTPS \(TLSv1\.3/, '--tls', '--server', $edge],
    ['TLS 1.2', qr/with ESMTPS \(TLSv1\.2/, '--tls', '--tls-protocol',
        'tlsv1_2', '--server', $edge],
    ['optional TLS', qr/with ESMTPS/, '--tls-optional', '--server', $edge],
    ['TLS on connect', qr/with ESMTPS/, '--tls-on-connect', '--server',
        "127.0.0.1:$smtps"],
    ['pipelining', qr/with ESMTP\r/, '--pipeline', '--server', $edge],
    ['pipelining in TLS', qr/with ESMTPS/, '--pipeline', '--tls', '--server',
        $edge],
    ['8-bit', qr/\r\n\r\n\.\r\n\.\.\r\n\xe2\x82\xac\r\n/, '--data', "\@$eight",
        '--server', $edge],
    ['large', qr/(?:x{70}\r\n){1000}/, '--data', "\@$big", '--server', $edge],
    ['large in TLS', qr/(?:x{70}\r\n){1000}/, '--tls', '--data', "\@$big",
        '--server', $edge],
    ['an attachment', qr/filename="?big/, '--attach', "\@$big", '--server',
        $edge],
    ['PROXY v1', qr/\(\[192\.0\.2\.7\]\)/, '--proxy-version', '1',
        '--proxy-family', 'TCP4', '--proxy-source', '192.0.2.7',
        '--proxy-source-port', '4000', '--proxy-dest', '127.0.0.1',
        '--proxy-dest-port', '25', '--server', "127.0.0.1:$proxied"],
    ['PROXY v2', qr/\(\[IPv6:2001:db8::7\]\)/, '--proxy-version', '2',
        '--proxy-family', 'AF_INET6', '--proxy-protocol', 'STREAM',
        '--proxy-command', 'PROXY', '--proxy-source', '2001:db8::7',
        '--proxy-source-port', '4000', '--proxy-dest', '2001:db8::1',
        '--proxy-dest-port', '25', '--server', "127.0.0.1:$proxied"],
    ['LMTP to junkmaild', qr/^/, '--protocol', 'LMTP', '--socket',
        $jm->lmtp_socket],
    ['LMTP, pipelining', qr/^/, '--protocol', 'LMTP', '--pipeline', '--socket',
        $jm->lmtp_socket],
);

my $n = 0;
for my $case (@cases) {
    my ($name, $expected, @options) = @$case;
    my ($rc, $shown) = swaks('--to', $to[0], '--add-header',
        'X-Case: ' . ++$n, @options);
    is($rc, 0, $name) or diag $shown;
    like(newest(), $expected, "$name: as it says");
}

my ($rc, $shown) = swaks('--to', "$to[0],$to[1]", '--server', $edge);
is($rc, 0, 'two recipients');
unlike(newest(), qr/^\tfor </m, 'are not told of each other');

($rc, $shown) = swaks('--to', 'nobody@junkmail.test', '--server', $edge);
is($rc, 24, 'no recipient accepted');
like($shown, qr/<\*\* 550 5\.1\.1 /, 'nobody');
($rc, $shown) = swaks('--to', $to[0], '--quit-after', 'RCPT', '--server', $edge);
is($rc, 0, 'QUIT before the message');
($rc, $shown) = swaks('--to', $to[0], '--drop-after-send', 'DATA', '--server',
    $edge);
like($jm->smtp->banner, qr/^220/, 'gone without a word: the edge lives');
($rc, $shown) = swaks('--to', $to[0], '--auth', '--auth-user', 'x',
    '--auth-password', 'y', '--server', $edge);
is($rc, 28, 'there is no AUTH');

my $said = qx{(sleep 1; printf 'EHLO x\r\nQUIT\r\n'; sleep 1) | openssl s_client -connect $edge -starttls smtp -quiet 2>&1};
like($said, qr/^250-PIPELINING/m, 'openssl s_client -starttls smtp');
unlike($said, qr/STARTTLS/, 'not offered twice');

$jm->done;
done_testing;
