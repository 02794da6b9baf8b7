#!/usr/bin/perl

# Push as server-sent events, over HTTP/1.1 and HTTP/2: what is refused, what
# is sent, the cursor, slow readers, those who leave, reload and revocation.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Time::HiRes qw(sleep time);

use JunkMail::Events qw(drain ids);
use JunkMail::Test;

my $port = JunkMail::Test->free_port;
my $jm   = JunkMail::Test->new(junkmaild => 0, http => <<"CONF");
        junkmail_push_ping 1s;
        junkmail_push_jitter 1s;
        gzip on;
        gzip_types *;
        listen 127.0.0.1:$port ssl http2;
        ssl_certificate tls.crt;
        ssl_certificate_key tls.key;
CONF

my $EVENTS = '/api/v1/events';
my $redis  = $jm->{redis};

$redis->cmd('ZADD', 'jm:domains', 1, $jm->{domain});
$redis->cmd('HSET', "jm:domain:{$jm->{domain}}", 'policy', 'closed', 'state',
    'active');

my $me  = $jm->account;
my $log = JunkMail::Events->new($jm, $me);
my %key = (key => $me->{key});

sub h2
{
    my ($query, %opt) = @_;
    return JunkMail::SSE->new(%key, %opt,
        curl => "https://127.0.0.1:$port$EVENTS$query");
}

# --- refusals --------------------------------------------------------------

sub refused
{
    my ($status, $what, $query, %opt) = @_;

    for my $sse ($jm->sse("$EVENTS$query", %opt),
                 $opt{method} ? () : h2($query, key => undef, %opt)) {
        is $sse->{status}, $status, "$status: $what";
        like $sse->{headers}{'content-type'}, qr{^application/json}, 'as JSON'
            if !$opt{method};
    }
}

for my $accept (undef, '*/*', 'text/*', 'text/event-streams',
                'text/event-stream;q=0', 'text/event-stream; a=b ; q=0.00') {
    refused(406, $accept // 'no Accept', '', %key,
        headers => { Accept => $accept // '' });
}
refused(401, 'no key', '');
refused(401, 'a malformed key', '', key => 'jm_live_x');
refused(401, 'HEAD without a key', '', method => 'HEAD');
refused(404, 'an address of nobody', '?address_id=x', %key);
refused(422, 'a malformed cursor', '?since=x', %key);
refused(422, 'a malformed Last-Event-ID', '', %key,
    headers => { 'Last-Event-ID' => '1-' });
{
    my $writer = $jm->api(POST => '/keys', %key,
        json => { name => 'w', scopes => ['emails:write'] })->{json}{data};
    refused(403, 'without the scope', '', key => $writer->{key});
}

# --- the answer ------------------------------------------------------------

for my $accept ('text/event-stream', 'text/html, Text/Event-Stream ;q=0.5',
                'text/event-stream;a=q;q=0.001') {
    my $sse = $jm->sse($EVENTS, %key, headers => { Accept => $accept });
    is $sse->{status}, 200, "200: $accept";
    $sse->close;
}

my $sse = $jm->sse($EVENTS, %key, headers => { 'Accept-Encoding' => 'gzip' });
my $two = h2('', headers => { 'Accept-Encoding' => 'gzip' });
my $old = $jm->sse($EVENTS, %key, version => '1.0');

for my $s ($sse, $two, $old) {
    my $h = $s->{headers};
    is $s->{status}, 200, 'let in';
    is $h->{'content-type'}, 'text/event-stream', 'text/event-stream';
    is $h->{'cache-control'}, 'no-store', 'Cache-Control';
    is $h->{'x-accel-buffering'}, 'no', 'X-Accel-Buffering';
    is $h->{'content-length'}, undef, 'no Content-Length';
    is $h->{'content-encoding'}, undef, 'not compressed';
    ok defined $h->{'x-ratelimit-remaining'}, 'rate limit headers';

    is_deeply $s->json, { type => 'hello', id => '0-0', heartbeat => 1 },
        'hello';
    is $s->{id}, '0-0', 'its place as the id';
    is $s->{retry}, 2000, 'retry';
}
is $sse->{headers}{connection}, 'close', 'HTTP/1 ends with the connection';
$old->close;

my $head = $jm->sse($EVENTS, %key, method => 'HEAD');
is $head->{status}, 200, 'HEAD';
is $head->{headers}{'content-type'}, 'text/event-stream', 'its type';
is $head->next_frame(0.3), undef, 'and nothing else';
$head->close;

# --- events ----------------------------------------------------------------

my @all = map { $log->add(n => $_) } 1 .. 5;
for my $s ($sse, $two) {
    my @got = drain($s, 5);
    is_deeply [map { $_->{id} } @got], \@all, 'the events, in order';
    is_deeply $got[1], { id => $all[1], type => 'email.received',
                         timestamp => 1, data => { n => 2 } }, 'and whole';
    is $s->{id}, $all[4], 'the last one\'s id';
}

push @all, my @more = $log->fill(250, 300);
is_deeply [ids($_, 250)], \@more, '250 at once' for $sse, $two;
is $sse->next_frame(0.2), undef, 'nothing twice';

# A WebSocket beside them is told the same.
my $ws = $jm->ws($EVENTS, %key);
$ws->json;
push @all, my $id = $log->add(n => 'ü' x 50);
my @texts = map { $_->next_frame->{data} } $ws, $sse, $two;
is $texts[1], $texts[0], 'octet by octet what a WebSocket is told';
is $texts[2], $texts[0], 'also over HTTP/2';
$ws->close;

my @addresses = map { $jm->address($me)->{id} } 1 .. 2;
@all = map { $_->[0] } @{ $redis->cmd('XRANGE', $log->key, '-', '+') };
my $some = $jm->sse("$EVENTS?address_id=$addresses[1]", %key);
$some->json;
push @all, map { $log->add(n => $_, address => $addresses[$_]) } 0, 1;
push @all, $log->add(n => 2);
is_deeply [map { $_->{data}{n} } drain($some, 2)], [1, 2], 'a filter';
$some->close;

# --- silence ---------------------------------------------------------------

ids($_, 5) for $sse, $two;
my @before = map { $_->{comments} } $sse, $two;
ok $jm->eventually(sub { $sse->next_frame(0.1)
    || $sse->{comments} > $before[0] }), 'a comment as heartbeat';
ok $jm->eventually(sub { $two->next_frame(0.1)
    || $two->{comments} > $before[1] }), 'on HTTP/2, too';
push @all, $id = $log->add(n => 'after');
is_deeply [ids($_, 1)], [$id], 'and on' for $sse, $two;
$two->close;

# --- the cursor ------------------------------------------------------------

for my $case (['?since=0', undef, 0], ["?since=$all[99]", undef, 100],
              ['', $all[99], 100], ["?since=$all[9]", $all[99], 100],
              ['', $all[-1], scalar @all], ["?since=$all[9]", '', 10]) {
    my ($query, $last, $from) = @$case;

    for my $s (map { $_->("$EVENTS$query", %key, defined $last
            ? (headers => { 'Last-Event-ID' => $last }) : ()) }
            sub { $jm->sse(@_) }) {
        is $s->json->{id}, $from ? $all[$from - 1] : '0-0', 'hello';
        is_deeply [ids($s, @all - $from)], [@all[$from .. $#all]],
            "$query, Last-Event-ID " . ($last // 'absent');
        $s->close;
    }
}

$two = h2('?since=0');
$two->json;
is_deeply [ids($two, scalar @all)], \@all, 'a replay over HTTP/2';

my $lost = $jm->sse($EVENTS, %key, headers => { 'Last-Event-ID' => '1-1' });
$lost->json;
is_deeply $lost->json, { type => 'reset', id => $all[-1] },
    'a foreign cursor: reset';
is $lost->{id}, $all[-1], 'with the id to come back to';
$lost->close;

# --- slow readers, and those who leave --------------------------------------

my $crowd = $jm->account;
my $clog  = JunkMail::Events->new($jm, $crowd);
my $slow  = $jm->sse($EVENTS, key => $crowd->{key}, rcvbuf => 4096);
$slow->json;
my $pace  = $jm->ws($EVENTS, key => $crowd->{key});
$pace->json;
my @sent;
for (1 .. 60) {
    push @sent, $clog->fill(100, 4000);
    ids($pace, 100);
}
$pace->close;
my @got  = ids($slow, scalar @sent);
ok @got < @sent, 'a slow reader does not get all';
is_deeply \@got, [@sent[0 .. $#got]], 'no hole up to the end';
ok $slow->{eof}, 'it is cut off';
$slow->close;

# A client has nothing to say once it listens: a little is passed over, and
# who goes on is cut off.
{
    my $it   = $jm->account;
    my $loud = $jm->sse($EVENTS, key => $it->{key});
    $loud->json;
    local $SIG{PIPE} = 'IGNORE';
    syswrite($loud->{socket}, "GET / HTTP/1.1\r\nHost: x\r\n\r\n" x 100);
    my $heard = JunkMail::Events->new($jm, $it)->add(n => 1);
    is_deeply [ids($loud, 1)], [$heard], 'what it says is passed over';

    my $end = time + 60;
    while (time < $end && defined syswrite($loud->{socket}, 'x' x 65536)) {
        # void
    }
    ok time < $end, 'a flood is cut off';
    $loud->close;
}

# A replay goes at the reader's pace.
$slow = $jm->sse("$EVENTS?since=$sent[-400]", key => $crowd->{key},
    rcvbuf => 32768);
sleep 0.5;
$slow->json;
is_deeply [ids($slow, 399)], [@sent[-399 .. -1]], 'a slow replay is whole';
$slow->close;

my @gone = map { $jm->sse($EVENTS, key => $crowd->{key}) } 1 .. 10;
is scalar(grep { $_->{status} == 200 } @gone), 10, 'ten of a key';
my $over = $jm->sse($EVENTS, key => $crowd->{key});
is $over->{status}, 429, 'the eleventh';
ok $over->{headers}{'retry-after'}, 'Retry-After';
is $jm->ws($EVENTS, key => $crowd->{key})->{status}, 429,
    'WebSockets count with them';
$_->close for @gone;
ok $jm->eventually(sub {
    my $s = $jm->sse($EVENTS, key => $crowd->{key});
    $s->close;
    return $s->{status} == 200;
}), 'places of those who left';

# --- revocation ------------------------------------------------------------

my $made = $jm->api(POST => '/keys', %key,
    json => { name => 'r', scopes => ['emails:read'] })->{json}{data};
my @revoked = ($jm->sse($EVENTS, key => $made->{key}),
               h2('', key => $made->{key}));
$_->json for @revoked;
$jm->api(DELETE => "/keys/$made->{id}", %key);
ok $_->ends, 'a revoked key ends the stream' for @revoked;

# --- faults ----------------------------------------------------------------

ids($sse, 1, 0.1);
$redis->cmd('CLIENT', 'KILL', 'TYPE', 'pubsub');
@sent = map { $log->add(n => $_) } 1 .. 5;
is_deeply [ids($_, 5)], \@sent, 'the subscription link cut' for $sse, $two;

$redis->kill9;
is $jm->sse($EVENTS, %key)->{status}, 503, '503 without Redis';
$redis->start;
@sent = map { $log->add(n => $_) } 1 .. 5;
is_deeply [ids($_, 5)], \@sent, 'Redis killed' for $sse, $two;

# --- reload and stop -------------------------------------------------------

my ($worker) = $jm->nginx_workers;
my $began = time;
$jm->reload_nginx;
ok $_->ends, 'a reload ends the stream' for $sse, $two;
ok time - $began < 15, 'within the jitter';
ok $jm->eventually(sub { !grep { $_ == $worker } $jm->nginx_workers }),
    'and the old worker has left';

@sent = map { $log->add(n => $_) } 1 .. 3;
$sse = $jm->sse($EVENTS, %key, headers => { 'Last-Event-ID' => $sse->{id} });
$sse->json;
is_deeply [ids($sse, 3)], \@sent, 'back where it was';

is $jm->stop_nginx, 0, 'nginx stops in order';
ok $sse->ends, 'and the stream ends';

my $ends = $jm->read('error.log');
for my $code (1001, 1006, 1008, 1013) {
    like $ends, qr/event stream closed with $code after \d+ s, \d+ bytes rec/,
        "an end with $code is logged";
}

$jm->done;
done_testing;
