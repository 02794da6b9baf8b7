#!/usr/bin/perl

# Push over TLS: the same through an encrypted connection; and through a Unix
# socket.  The tests' client speaks neither; nginx's stream proxy does it for
# them.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use JunkMail::Events qw(ids);
use JunkMail::Test;

my $tls   = JunkMail::Test->free_port;
my $plain = JunkMail::Test->free_port;
my $local = JunkMail::Test->free_port;
my $long  = 'x' x 2000;

my $jm = JunkMail::Test->new(junkmaild => 0,
    stream => <<"CONF", http => <<"CONF2");
    }

    server {
        listen 127.0.0.1:$plain;
        proxy_pass 127.0.0.1:$tls;
        proxy_ssl on;
    }

    server {
        listen 127.0.0.1:$local;
        proxy_pass unix:\@DIR\@/http.sock;
CONF
        location /calm/ {
            rewrite ^/calm(/.*)\$ \$1 break;
            junkmail_push_ping 1h;
            junkmail_api;
        }
        location = /metrics {
            junkmail_metrics;
        }
        junkmail_push_ping 2s;
        junkmail_push_jitter 1s;
        listen 127.0.0.1:$tls ssl;
        ssl_certificate     tls.crt;
        ssl_certificate_key tls.key;
        ssl_protocols       TLSv1.2 TLSv1.3;
        add_header X-Long $long;
        listen unix:\@DIR\@/http.sock;
        set_real_ip_from unix:;
        real_ip_header X-Real-IP;
CONF2

my $EVENTS = '/api/v1/events';
my $me     = $jm->account;
my $log    = JunkMail::Events->new($jm, $me);

sub connection
{
    my ($query, %opt) = @_;

    my $ws = JunkMail::WebSocket->new(port => $plain, key => $me->{key},
        path => ($opt{calm} // '') . "$EVENTS$query", %opt);
    is $ws->{status}, 101, "101 over TLS $query";
    is $ws->json->{type}, 'hello', 'hello';
    return $ws;
}

my $ws = connection('');
$ws->send_frame(9, 'there?');
is $ws->next_frame->{data}, 'there?', 'pong';
my @ids = map { $log->add(n => $_) } 1 .. 10;
is_deeply [ids($ws, 10)], \@ids, 'events';

is $ws->next_frame->{opcode}, 9, 'a ping after silence';
$ws->send_frame(10, '');

my @many = $log->fill(900, 3000);
my $late = connection("?since=$ids[9]");
is_deeply [ids($late, 900)], \@many, '2.7 MB of replay, whole';
$late->send_frame(8, pack('n', 1000));
is $late->close_code, 1000, 'close is answered';
is $late->next_frame, undef, 'nothing after it';
ok $late->{eof}, 'the connection ends';

# Live, faster than it reads; a replay would be paced, not cut off.
my $slow = connection('', rcvbuf => 4096, calm => '/calm');
$log->add(n => 'live');
is $slow->json->{data}{n}, 'live', 'live';
sleep 1;
for (1 .. 80) {
    $log->fill(100, 4000);
    last if $jm->http(GET => '/metrics')->{body}
        =~ /^junkmail_push_ended_total\{reason="slow"\} 1$/m;
}
my $code;
while (my $f = $slow->next_frame) {
    $code = unpack('n', $f->{data}) if $f->{opcode} == 8;
}
is $code, 1013, 'a slow reader is closed with 1013';

$ws->close;
$ws = connection('', raw => '');
$ws->raw("\x81\x05Hello");
is $ws->close_code, 1002, 'a frame without mask: 1002';
$ws->close;

# What nginx puts into TLS' own buffer of a header this long must not stay there.
my $sse = JunkMail::SSE->new(port => $plain, path => $EVENTS,
    key => $me->{key}, timeout => 10);
is $sse->{status}, 200, 'a stream over TLS';
is $sse->{headers}{'x-long'}, $long, 'with a long header';
is $sse->json->{type}, 'hello', 'hello';

# The client's address is no Unix socket's any more, the connection still is.
for my $class ('JunkMail::WebSocket', 'JunkMail::SSE') {
    my $l = $class->new(port => $local, path => $EVENTS, key => $me->{key},
        headers => { 'X-Real-IP' => '192.0.2.1' });
    like $l->{status}, qr/^(101|200)$/, "$class over a Unix socket";
    is $l->json->{type}, 'hello', 'hello';
}

my @crowd = map { connection('') } 1 .. 5;
$jm->reload_nginx;
is $_->close_code, 1001, '1001 at a reload' for @crowd;

$jm->done;
done_testing;
