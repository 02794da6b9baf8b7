#!/usr/bin/perl

# GET /metrics: form and truth of what is counted, summed over two workers.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JunkMail::Test;
use Test::More;
use Time::HiRes qw(sleep);

my $jm = JunkMail::Test->new(workers => 2, http => <<'CONF');
location = /metrics {
    allow 127.0.0.1;
    deny all;
    junkmail_metrics;
}
location = /denied {
    deny all;
    junkmail_metrics;
}
CONF

sub metrics
{
    my $r = $jm->http(GET => '/metrics');
    return { $r->{body} =~ /^(junkmail_\S*(?:\{[^}]*\})?) (\S+)$/mg };
}

my $r = $jm->http(GET => '/metrics');
is($r->{status}, 200, 'GET /metrics');
is($r->{headers}{'content-type'}, 'text/plain; version=0.0.4', 'its type');
my (%type, @untyped);
for (split /\n/, $r->{body}) {
    next if /^# TYPE (\w+) (counter|gauge|histogram)$/ && !$type{$1}++;
    my ($name) = /^(junkmail_[a-z_]+)(?:\{[a-z]+="[^"\\]*"(?:,[a-z]+="[^"\\]*")?\})? [\d.]+$/
        or push(@untyped, $_), next;
    $name =~ s/_(bucket|sum|count)$//;
    push @untyped, $_ if !$type{$name};
}
is_deeply(\@untyped, [], 'each line has its form and a type before it');
is($jm->http(GET => '/denied')->{status}, 403, 'an allow-list works');
is($jm->http(POST => '/metrics')->{status}, 405, 'POST');

my $before = metrics();
my $me     = $jm->account;
$jm->address($me, alias => 'home');
$jm->address($me);
$jm->api(GET => '/accounts/me', key => $me->{key}) for 1 .. 20;
$jm->api(GET => '/accounts/me');
$jm->api(GET => '/nothing');
$jm->api(GET => '/emails/x', key => $me->{key});
my @ws = map { $jm->ws('/api/v1/events', key => $me->{key}) } 1 .. 3;
$_->json for @ws;
my $sse = $jm->sse('/api/v1/events?since=1-1', key => $me->{key});
$sse->json for 1, 2;
like($jm->send_mail('home@junkmail.test', "Subject: x\n\n"), qr/^250/, 'mail');
like($jm->send_mail('none@junkmail.test', "Subject: x\n\n"), qr/^550/,
    'mail for nobody');
$_->json for @ws;
my $short = $jm->api(POST => '/keys', key => $me->{key},
    json => { name => 'k', scopes => ['emails:read'] })->{json}{data};
my $gone = $jm->sse('/api/v1/events', key => $short->{key});
$jm->api(DELETE => "/keys/$short->{id}", key => $me->{key});
ok($gone->ends, 'a stream whose key is revoked ends');
$gone->close;
ok($jm->eventually(sub {
    metrics()->{'junkmail_push_connections{kind="sse"}'} == 1;
}), 'and one is left');
sleep 0.2;
my $after = metrics();

sub grew
{
    my ($name, $by) = @_;
    is(($after->{"junkmail_$name"} // 0) - ($before->{"junkmail_$name"} // 0),
        $by, "$name grew by $by");
}

grew('smtp_connections_total',          2);
grew('smtp_messages_total',             1);
grew('smtp_replies_total{class="5"}',   1);
grew('handoffs_total{class="2"}',       1);
grew('handoff_seconds_count',           1);
grew('handoff_seconds_bucket{le="+Inf"}', 1);
grew('push_events_total',               4);
grew('push_resets_total',               1);
grew('push_ended_total{reason="key"}',  1);
grew('push_ended_total{reason="slow"}', 0);
is($after->{'junkmail_push_connections{kind="websocket"}'}, 3, 'WebSockets');
is($after->{'junkmail_push_connections{kind="wait"}'},      0, 'no long poll');
grew('api_requests_total{route="POST /accounts",status="201"}',    1);
grew('api_requests_total{route="POST /addresses",status="201"}',   2);
grew('api_requests_total{route="GET /accounts/me",status="200"}', 20);
grew('api_requests_total{route="GET /accounts/me",status="401"}',  1);
grew('api_requests_total{route="GET /emails/:",status="404"}',     1);
grew('api_requests_total{route="none",status="404"}',              1);
grew('api_requests_total{route="GET /events",status="101"}',       3);
cmp_ok($after->{junkmail_store_seconds_count}
    - $before->{junkmail_store_seconds_count}, '>=', 25, 'the store\'s time');
my @buckets = map { $after->{$_} }
    map { "junkmail_store_seconds_bucket{le=\"$_\"}" }
    qw(0.001 0.005 0.010 0.025 0.050 0.100 0.250 0.500 1.000 5.000 10.000
       +Inf);
is_deeply(\@buckets, [sort { $a <=> $b } @buckets], 'buckets add up');
is($buckets[-1], $after->{junkmail_store_seconds_count}, 'to the count');

is($after->{junkmail_redis_links_up}, 2, 'both links are up');
$jm->{redis}->stop;
ok($jm->eventually(sub { metrics()->{junkmail_redis_links_up} == 0 }), 'down');
$jm->{redis}->start;
ok($jm->eventually(sub { metrics()->{junkmail_redis_links_up} == 2 }), 'up');
kill KILL => ($jm->nginx_workers)[0];
ok($jm->eventually(sub { metrics()->{junkmail_redis_links_up} == 2 }),
    'a killed worker is not counted twice');

$jm->{allow} = qr/exited on signal 9|redis|Redis/;
$jm->done;
done_testing;
