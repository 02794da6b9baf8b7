#!/usr/bin/perl

# REST while the store fails: many accounts ask at once; Redis is killed,
# stopped, its functions flushed, nginx's links cut.  Every answer is the
# asker's own or a 503 that says when to come back, none takes long, and
# everything is well again by itself.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP;
use JunkMail::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $ASKERS   = 6;
my $ACCOUNTS = 4;    # each asker's, in turn
my $LIMIT    = 20;   # seconds: the deadline for a reply of Redis is 5

my $jm = JunkMail::Test->new(workers => 2, http => <<'CONF',
junkmail_registration_rate off;
junkmail_account_rate_limit off;
CONF
    # What Redis's absence makes them say.
    allow => qr/Redis|redis|connect\(\) to|Connection refused/);

my $json  = JSON::PP->new->canonical;
my $redis = $jm->{redis};

# Asks until there is a file `stop`; says what was wrong, how often it was
# answered, how often refused, and what took longest.
sub ask
{
    my ($out, @accounts) = @_;

    my ($good, $away, $longest, @wrong) = (0, 0, 0);

    until (-e "$jm->{dir}/stop") {
        for my $account (@accounts) {
            my $read = int rand 2;
            my $from = time();
            my $r = $jm->api(GET => $read ? '/accounts/me' : '/addresses',
                key => $account->{key});
            my $took = time() - $from;

            $longest = $took if $took > $longest;

            if ($r->{status} == 200) {
                my $data = $r->{json}{data};
                my $mine = $read ? $data->{id} eq $account->{id}
                    : "@{[map { $_->{id} } @{ $data->{addresses} }]}"
                        eq $account->{address}{id};
                push @wrong, $r->{body} if !$mine;
                $good++;
            } elsif ($r->{status} == 503 && $r->{headers}{'retry-after'}
                && $r->{json}{code} eq 'STORE_UNAVAILABLE')
            {
                $away++;
                sleep 0.02;
            } else {
                push @wrong, "$r->{status} $r->{body}";
            }
        }
    }

    print $out $json->encode([$good, $away, $longest, @wrong[0 .. ($#wrong < 3
        ? $#wrong : 3)]]), "\n";
}

my @askers = map {
    my @accounts = map {
        my $a = $jm->account;
        $a->{address} = $jm->address($a);
        $a;
    } 1 .. $ACCOUNTS;
    \@accounts;
} 1 .. $ASKERS;

my @from;
for my $accounts (@askers) {
    pipe(my $in, my $out) or die;
    my $pid = fork() // die;
    if (!$pid) {
        close $in;
        srand $$;
        ask($out, @$accounts);
        close $out;
        kill 'KILL', $$;    # nothing of the harness ends here
    }
    close $out;
    push @from, [$pid, $in];
}

sub well
{
    my ($after) = @_;

    my $a = $askers[0][0];
    ok($jm->eventually(sub {
        $jm->api(GET => '/addresses', key => $a->{key})->{status} == 200;
    }), "well after $after");
}

sleep 0.5;
for (1 .. 2) {
    $redis->kill9;
    sleep 0.3;
    $redis->start;
    well('a kill');

    $redis->cmd('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    well('cut links');

    $redis->cmd('FUNCTION', 'FLUSH');
    well('flushed functions');
}
$redis->pause;
sleep 6;
$redis->resume;
well('a stop of six seconds');
sleep 0.5;

$jm->write('stop', '');
my ($good, $away) = (0, 0);
for (@from) {
    my ($pid, $in) = @$_;
    my $line = <$in>;
    waitpid $pid, 0;
    my ($g, $a, $longest, @wrong) = @{ $json->decode($line // '[]') };

    is_deeply(\@wrong, [], 'every answer was its own, or a proper 503');
    cmp_ok($longest, '<', $LIMIT, 'within the deadline');
    $good += $g;
    $away += $a;
}
cmp_ok($good, '>', 20, "$good answers");
cmp_ok($away, '>', 10, "$away refusals");

$jm->done;
done_testing;
