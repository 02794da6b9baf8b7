# kill -9 of backend workers, nginx workers and Redis at any moment of a
# running load: nothing answered 250 is missing afterwards, nothing is there
# twice for one transaction.  `make chaos` runs it for two minutes.

use strict;
use warnings;

use lib 't/lib';
use JunkMail::Test;
use List::Util qw(shuffle);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my $seconds = (grep { $_ eq '--long' } @ARGV) ? 120
            : $JunkMail::Test::SAN            ? 10
            :                                   15;
my $seed = $ENV{JM_SEED} // time() ^ $$;
diag("JM_SEED=$seed") if $ENV{JM_SEED};
srand($seed);

my $senders = 4;

my $jm = JunkMail::Test->new(
    workers  => 2,
    children => 2,
    http     => 'junkmail_account_rate_limit off;',
    allow    => qr/exited on signal 9|signal 9/,
);
my $me        = $jm->account;
$jm->{redis}->cmd('HSET', "jm:{$me->{id}}", 'maxEmails', 1_000_000,
    'maxBytes', 1 << 40);
my @addresses = map { $jm->address($me, alias => "kill$_")->{address} } 1 .. 3;

# Every sender keeps a ledger: "<token> <outcome>" a transaction, where the
# outcome is the first digit of the reply to the message, or `unknown` when the
# connection ended without one after the message had been sent.
sub sender
{
    my ($n, $end) = @_;

    open(my $ledger, '>', "$jm->{dir}/ledger.$n") or die $!;
    $ledger->autoflush(1);
    my $padding = join("\n", map { 'x' x 70 } 1 .. 6000);

    for (my $i = 0; time() < $end; $i++) {
        my $token   = "token-$n-$i";
        my $outcome = eval { transaction($token, $i % 7 ? '' : $padding) };
        print $ledger "$token ", $outcome // 'none', "\n";
        sleep 0.2 if !defined $outcome || $outcome eq '4';
    }
}

# The outcome of one transaction; undef when the message was never sent whole.
sub transaction
{
    my ($token, $padding) = @_;

    my $s = $jm->smtp;
    for my $line ('EHLO load', 'MAIL FROM:<load@example.com>',
                  map({ "RCPT TO:<$_>" } @addresses[0 .. int(rand 3)]), 'DATA')
    {
        my $reply = $s->cmd($line);
        return undef unless defined $reply && length $reply;
        return '4' if $reply =~ /^4/;
        die "$line: $reply" unless $reply =~ /^[23]/;
    }

    $s->send(JunkMail::SMTP::wire(
        "Subject: $token\nFrom: load\@example.com\n\nbody\n$padding\n"));
    my $reply = $s->reply;
    return 'unknown' unless defined $reply && $reply =~ /^(\d)/;
    return $1;
}

my $end = time() + $seconds;
my @pids;
for my $n (1 .. $senders) {
    my $pid = fork();
    if ($pid == 0) {
        srand($seed + $n);
        sender($n, $end);
        POSIX::_exit(0);
    }
    push @pids, $pid;
}

my %killed = (backend => 0, nginx => 0, redis => 0);
my @plan;
while (time() < $end || grep { !$_ } values %killed) {
    sleep 0.3 + rand 0.7;
    @plan = shuffle(qw(backend backend nginx nginx redis)) unless @plan;
    my $what = shift @plan;

    if ($what eq 'backend') {
        my @workers = $jm->junkmaild_workers or next;
        kill KILL => $workers[rand @workers];
        $killed{backend}++;
    } elsif ($what eq 'nginx') {
        my @workers = $jm->nginx_workers or next;
        kill KILL => $workers[rand @workers];
        $killed{nginx}++;
    } else {
        $jm->{redis}->kill9;
        sleep rand 0.5;
        $jm->{redis}->restart;
        $killed{redis}++;
    }
}
waitpid($_, 0) for @pids;
note("killed: ", join ', ', map { "$_ $killed{$_}" } sort keys %killed);
cmp_ok($killed{$_}, '>', 0, "$_ was killed") for sort keys %killed;

ok($jm->eventually(sub { $jm->http(GET => '/healthz')->{status} == 200 }),
    'everything comes back by itself');

# What the senders know.
my (%outcome, %count);
for my $n (1 .. $senders) {
    for (split /\n/, $jm->read("ledger.$n")) {
        my ($token, $outcome) = split;
        $outcome{$token} = $outcome;
        $count{$outcome}++;
    }
}
note("outcomes: ", join ', ', map { "$_: $count{$_}" } sort keys %count);
cmp_ok($count{2} || 0, '>', 5, 'the load got through between the kills');

# What is stored: subject → number of emails per address.
my (%stored, $after);
while (1) {
    my $r = $jm->api(GET => '/emails?fields=summary&limit=100'
        . ($after ? "&after=$after" : ''), key => $me->{key});
    is($r->{status}, 200, 'list') if $r->{status} != 200;
    my @page = @{ $r->{json}{data} || [] } or last;
    $stored{ $_->{subject} }{ $_->{to} }++ for @page;
    $after = $page[-1]{id};
}

my @lost  = grep { $outcome{$_} eq '2' && !$stored{$_} } keys %outcome;
my @twice = grep { my $t = $_; grep { $_ > 1 } values %{ $stored{$t} } }
            keys %stored;
my @alien   = grep { !exists $outcome{$_} } keys %stored;
my @refused = grep { $outcome{$_} eq '5' } keys %outcome;

is("@lost",    '', 'nothing answered 250 is missing');
is("@twice",   '', 'nothing is there twice for one transaction');
is("@alien",   '', 'nothing is there that was not sent');
is("@refused", '', 'no fault of ours became a permanent refusal');

$jm->done;
done_testing;
