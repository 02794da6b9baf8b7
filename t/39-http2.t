#!/usr/bin/perl

# REST over HTTP/2, many requests on one connection at once, as browsers send
# them; and clients of HTTP/1.1 who leave in the middle of an answer.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;
use JSON::PP;
use JunkMail::Test;
use Test::More;
use Time::HiRes qw(sleep);

my $port = JunkMail::Test->free_port;
my $jm   = JunkMail::Test->new(http => <<"CONF");
listen 127.0.0.1:$port ssl http2;
ssl_certificate tls.crt;
ssl_certificate_key tls.key;
CONF
my $me   = $jm->account;
my $home = $jm->address($me, alias => 'home');

$jm->send_mail('home@junkmail.test', "Subject: Big\n\n"
    . join('', map { "$_ " . 'x' x 60 . "\n" } 1 .. 5_000));
$jm->send_mail('home@junkmail.test', "Subject: Small\n\nHello\n");

my ($small, $big) = map { $_->{id} } @{ $jm->api(GET =>
    '/emails?fields=summary', key => $me->{key})->{json}{data} };

# --- HTTP/2 -----------------------------------------------------------------

# Paths and what curl is told besides; the answers' status and JSON.
sub curl
{
    my @args = @_;

    open my $pipe, '-|', 'curl', '-sSk', '--http2', '--compressed', '-w', '\n%{http_version} %{http_code}\n', '-H',
        "Authorization: Bearer $me->{key}", @args or die "curl: $!";
    local $/;
    my $out = <$pipe>;
    close $pipe;
    my ($body, $version, $status) = $out =~ /^(.*)\n(\S+) (\d+)\n$/s;
    return { version => $version, status => $status, body => $body,
             json => scalar eval { decode_json($body) } };
}

my $api = "https://127.0.0.1:$port/api/v1";

my $r = curl("$api/accounts/me");
is("$r->{version} $r->{status}", '2 200', 'a read');
is($r->{json}{data}{id}, $me->{id}, 'its answer');
$r = curl('-H', 'Content-Type: application/json', '-d', '{"alias":"two"}',
    "$api/addresses");
is("$r->{status} $r->{json}{data}{alias}", '201 two', 'a body');
$r = curl('-X', 'PATCH', '-H', 'Content-Type: application/json', '-d',
    '{"isRead":true}', "$api/emails/$small");
is($r->{status}, 200, 'PATCH');
ok($r->{json}{data}{isRead}, 'its answer');
$r = curl("$api/emails/$big");
is(length $r->{json}{data}{bodyText} > 300_000, 1, 'a large answer');
$r = curl('-I', "$api/emails/$small");
is($r->{status}, 200, 'HEAD');
$r = curl('-H', 'Upgrade: websocket', "$api/events");
is($r->{status}, 406, 'no WebSocket on HTTP/2');
$r = curl('-d', 'x' x 70_000, '-H', 'Content-Type: application/json',
    "$api/addresses");
is($r->{status}, 413, 'too large');

# Forty at once on one connection, each into a file of its own.
my @wanted = map { $_ % 2 ? $small : $big } 1 .. 40;
system('curl', '-sSk', '--http2', '--compressed',
    '--no-progress-meter', '--parallel', '--parallel-max', 40, '-H',
    "Authorization: Bearer $me->{key}",
    map { ("$api/emails/$wanted[$_]", '-o', "$jm->{dir}/h2.$_") }
        0 .. $#wanted);
is((grep { $jm->read("h2.$_") !~ /^\{"data":\{[^{}]*"id":"$wanted[$_]".*\}\}$/ }
    0 .. $#wanted), 0, 'forty at once, each its own');

# --- clients who leave ------------------------------------------------------

for my $path ("/emails/$big", "/emails/$big/source", "/emails/$big/html",
    '/emails')
{
    for my $read (0, 1, 100_000) {
        my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $jm->{http_port}) or die;
        setsockopt $s, Socket::SOL_SOCKET(), Socket::SO_LINGER(),
            pack('ii', 1, 0);
        print $s "GET /api/v1$path HTTP/1.1\r\nHost: x\r\n"
            . "Authorization: Bearer $me->{key}\r\n\r\n";
        sysread $s, my $some, $read if $read;
        close $s;
    }
}
sleep 0.2;
is($jm->api(GET => "/emails/$small", key => $me->{key})->{status}, 200,
    'the others are served');

$jm->done;
done_testing;
