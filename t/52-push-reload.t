#!/usr/bin/perl

# Listeners of every kind while nginx is reloaded, upgraded and stopped: each is
# sent away in order, spread over the jitter, the old workers leave within
# worker_shutdown_timeout, the new ones serve, and nothing is left behind.

use strict;
use warnings;

use IO::Select;
use List::Util qw(sum0);
use Test::More;
use Time::HiRes qw(sleep time);

use JunkMail::Events qw(ids);
use JunkMail::Test;

my $JITTER = 4;

my $tls = JunkMail::Test->free_port;
my $jm  = JunkMail::Test->new(
    junkmaild => 0,
    daemon    => 1,
    workers   => 2,
    jitter    => "${JITTER}s",
    shutdown  => '20s',
    http      => <<"CONF");
        junkmail_push_ping 1h;
        junkmail_push_connections_per_key 0;
        junkmail_account_rate_limit off;
        listen 127.0.0.1:$tls ssl http2;
        ssl_certificate tls.crt;
        ssl_certificate_key tls.key;
        location = /metrics { junkmail_metrics; }
CONF

my $EVENTS = '/api/v1/events';
my $me     = $jm->account;
my $log    = JunkMail::Events->new($jm, $me);
my %key    = (key => $me->{key});

# A request that waits, as a listener that hears of nothing.
sub waiting
{
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $jm->{http_port}) or die "connect: $!";
    print $s "GET /api/v1/emails/wait?timeout=60 HTTP/1.1\r\nHost: x\r\n"
        . "Authorization: Bearer $me->{key}\r\n\r\n";
    $s->flush;
    return { kind => 'wait', socket => $s };
}

my %OPEN = (
    ws   => sub { $jm->ws($EVENTS, %key) },
    sse  => sub { $jm->sse($EVENTS, %key) },
    h2   => sub { JunkMail::SSE->new(%key,
                      curl => "https://127.0.0.1:$tls$EVENTS") },
    wait => \&waiting,
);
my %COUNT = (ws => 16, sse => 16, h2 => 3, wait => 3);

sub listeners
{
    my @all;
    for my $kind (sort keys %COUNT) {
        for (1 .. $COUNT{$kind}) {
            push @all, my $l = $OPEN{$kind}->();
            $l->{kind} = $kind;
            $l->json if $kind ne 'wait';
        }
    }
    ok $jm->eventually(sub { places() == sum0(values %COUNT) }), 'all of them are counted';
    return @all;
}

# Places taken, as the zone counts them.
sub places
{
    return sum0($jm->http(GET => '/metrics')->{body}
        =~ /^junkmail_push_connections\{[^}]*\} (\d+)$/mg);
}

# Reads until each has ended; when and how, and the ids that came before.
sub ends
{
    my ($began, @all) = @_;

    my %left = map { $_->{socket} => $_ } @all;
    while (%left && time < $began + 60) {
        my @sockets = map { $_->{socket} } values %left;
        for my $socket (IO::Select->new(@sockets)->can_read(1)) {
            my $l = $left{$socket};
            hear($l);
            next if !defined $l->{how};
            $l->{at} = time - $began;
            delete $left{$socket};
        }
    }
    is join(' ', map { $_->{kind} } values %left), '', 'each ends';
}

sub hear
{
    my ($l) = @_;

    if ($l->{kind} eq 'wait') {
        sysread($l->{socket}, my $answer, 4096);
        $l->{how} = ($answer // '') =~ m{^HTTP/1.1 (\d+)} ? $1 : 'cut';
        return;
    }

    while (my $f = $l->next_frame(0.001)) {
        $l->{how} = unpack('n', $f->{data}) if $f->{opcode} == 8;
        push @{ $l->{ids} }, $f->{data} =~ /"id":"([^"]+)"/
            if $f->{opcode} == 1;
    }
    $l->{how} //= $l->{kind} ne 'ws' && $l->{whole} ? 'end' : 'cut'
        if $l->{eof};
}

my %GOOD = (ws => 1001, sse => 'end', h2 => 'end', wait => 204);

sub judge
{
    my ($began, $jitter, @all) = @_;

    ends($began, @all);

    for my $kind (sort keys %COUNT) {
        my @of  = grep { $_->{kind} eq $kind } @all or next;
        my %how = map { $_->{how} // 'never' => 1 } @of;
        is join(' ', sort keys %how), $GOOD{$kind}, "$kind: $GOOD{$kind}";

        my ($first, $last) = (sort { $a <=> $b }
            map { $_->{at} // 99 } @of)[0, -1];
        cmp_ok $last, '<', $jitter + 15, "$kind: in time";
        next if $kind eq 'wait' || @of < 10 || $jitter < $JITTER;
        cmp_ok $last - $first, '>', $jitter / 3, "$kind: but not all at once";
    }
    $_->{socket}->close for @all;
}

sub left
{
    my @old = @_;
    ok $jm->eventually(sub { !grep { kill 0 => $_ } @old }),
        'the old workers have left';
}

sub served
{
    my ($what) = @_;
    ok $jm->eventually(sub { places() == 0 }), 'no place is left taken';
    my $ws = $jm->ws($EVENTS, %key);
    $ws->json;
    my $id = $log->add(n => $what);
    is_deeply [ids($ws, 1)], [$id], "$what: served again";
    $ws->close;
    ok $jm->eventually(sub { places() == 0 }), 'nor now';
}

sub files { my @f = glob "/proc/$_[0]/fd/*"; return scalar @f }

subtest 'reload' => sub {
    my @old   = $jm->nginx_workers;
    my @all   = listeners();
    my $began = time;

    # Until its turn has come, each is told what happens.
    $jm->reload_nginx;
    my $id   = $log->add(n => 'meanwhile');
    my $late = time - $began;
    judge($began, $JITTER, @all);

    my @heard = grep { ($_->{ids}[0] // '') eq $id } @all;
    cmp_ok scalar @heard, '>', 10, 'most hear what happens meanwhile'
        if $late < 1;

    left(@old);
    served('reload');
};

subtest 'binary upgrade' => sub {
    my @old   = $jm->nginx_workers;
    my @all   = listeners();
    my $began = time;
    my $old   = $jm->upgrade_nginx;

    judge($began, $JITTER + 3, @all);
    left(@old);

    kill QUIT => $old;
    is waitpid($old, 0), $old, 'the old master ends';
    is $?, 0, 'in order';
    served('binary upgrade');
};

subtest 'come and gone' => sub {
    $jm->http(GET => '/metrics');
    my @workers = $jm->nginx_workers;
    my $before  = sum0(map { files($_) } @workers);
    my @all     = listeners();
    my $during  = sum0(map { files($_) } @workers);
    cmp_ok $during, '>', $before, 'files are open';

    $_->{kind} eq 'wait' ? close $_->{socket} : $_->close for @all;
    ok $jm->eventually(sub { places() == 0 }), 'their places are free';
    ok $jm->eventually(sub {
        sum0(map { files($_) } @workers) <= $before }),
        'and their files closed';
};

subtest 'worker_shutdown_timeout before the jitter' => sub {
    my @old  = $jm->nginx_workers;
    my $conf = $jm->read('nginx.conf');
    $conf =~ s/worker_shutdown_timeout \S+;/worker_shutdown_timeout 1s;/;
    $conf =~ s/junkmail_push_jitter \S+;/junkmail_push_jitter 1h;/;
    $jm->write('nginx.conf', $conf);
    $jm->reload_nginx;
    left(@old);

    @old = $jm->nginx_workers;
    my @all   = listeners();
    my $began = time;
    $jm->reload_nginx;
    judge($began, 1, @all);
    left(@old);
    served('shutdown timeout');
};

subtest 'stop' => sub {
    my @all   = listeners();
    my $began = time;
    my $pid   = delete $jm->{nginx_pid};
    kill QUIT => $pid;
    judge($began, 1, @all);
    is waitpid($pid, 0), $pid, 'nginx stops';
    is $?, 0, 'in order';
};

$jm->done;
done_testing;
