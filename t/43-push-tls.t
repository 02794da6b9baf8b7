#!/usr/bin/perl

# Push over TLS: the same through an encrypted connection.  The tests' client
# speaks no TLS; nginx's stream proxy does it for them.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use JunkMail::Events qw(ids);
use JunkMail::Test;

my $tls   = JunkMail::Test->free_port;
my $plain = JunkMail::Test->free_port;

my $jm = JunkMail::Test->new(junkmaild => 0,
    stream => <<"CONF", http => <<"CONF2");
    }

    server {
        listen 127.0.0.1:$plain;
        proxy_pass 127.0.0.1:$tls;
        proxy_ssl on;
CONF
        junkmail_push_ping 2s;
        junkmail_push_jitter 1s;
        listen 127.0.0.1:$tls ssl;
        ssl_certificate     tls.crt;
        ssl_certificate_key tls.key;
        ssl_protocols       TLSv1.2 TLSv1.3;
CONF2

my $EVENTS = '/api/v1/events';
my $me     = $jm->account;
my $log    = JunkMail::Events->new($jm, $me);

sub connection
{
    my ($query, %opt) = @_;

    my $ws = JunkMail::WebSocket->new(port => $plain, path => "$EVENTS$query",
        key => $me->{key}, %opt);
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
my $slow = connection('', rcvbuf => 4096);
$log->add(n => 'live');
is $slow->json->{data}{n}, 'live', 'live';
sleep 1;
$log->fill(100, 4000) for 1 .. 80;
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

my @crowd = map { connection('') } 1 .. 5;
$jm->reload_nginx;
is $_->close_code, 1001, '1001 at a reload' for @crowd;

$jm->done;
done_testing;
