#!/usr/bin/perl

# What an idle listener costs: of either kind at most 2,000 bytes of a worker's
# memory more than an idle connection that is kept alive, since nothing of its
# HTTP request stays.

use strict;
use warnings;

use Test::More;

use JunkMail::Idle;
use JunkMail::Test;

plan skip_all => 'a sanitizer keeps memory of its own' if $JunkMail::Test::SAN;

my $N     = 2000;
my $FIRST = 100; # pay for what is there once
my $LIMIT = 2000;

my $jm = JunkMail::Test->new(junkmaild => 0, room => $N + 500,
    main => 'worker_rlimit_nofile ' . ($N + 1000) . ';', http => <<'CONF');
        keepalive_timeout 1h;
        junkmail_push_ping 1h;
        junkmail_push_connections_per_key 0;
        junkmail_push_connections_per_address 0;
        junkmail_account_rate_limit off;
CONF

my $me = $jm->account;

sub each_takes
{
    my ($kind) = @_;

    my ($worker) = $jm->nginx_workers;
    my @ask    = JunkMail::Idle::ask($kind, $me->{key});
    my @first  = JunkMail::Idle::open_many($jm->{http_port}, $FIRST, @ask);
    my $before = JunkMail::Idle::memory($worker);
    my @idle   = JunkMail::Idle::open_many($jm->{http_port}, $N, @ask);
    my $after  = JunkMail::Idle::memory($worker);
    JunkMail::Idle::close_many(@first, @idle);

    # The next kind begins with a heap of its own.
    $jm->stop_nginx;
    $jm->start_nginx;

    return ($after - $before) / $N;
}

my $kept = each_takes('keep-alive');
ok $kept > 200 && $kept < 4000, "kept alive: $kept bytes";

for my $kind (qw(WebSocket SSE)) {
    my $more = each_takes($kind) - $kept;
    cmp_ok $more, '<', $LIMIT, "$kind: $more more";
}

$jm->done;
done_testing;
