# The hand-off to servers that say nothing or are not there: how long a try may
# take, and all of them.  What waits here waits at the same time, each session
# for a server of its own.

use strict;
use warnings;

use lib 't/lib';
use JunkMail::LMTP;
use JunkMail::Test;
use Test::More;
use Time::HiRes qw(sleep time);

# Name, what its server does (none: nobody listens).
my @cases = (
    [once     => [{ at => 'message', do => 'hang' }, {}]],
    [plain    => [{ caps => [], delay => 9 }]],
    [away     => undef],
    [starting => undef],
);
push @cases, [always => [{ at => 'message', do => 'hang' }]]
    if $ENV{JM_LONG} || !$JunkMail::Test::SAN;

my %port = map { $_->[0] => JunkMail::Test->free_port } @cases;

my $jm = JunkMail::Test->new(
    junkmaild => 0,
    allow     => qr/connect\(\) to unix:.* failed/,
    streams   => join '', map { <<"CONF" } keys %port,
    server {
        listen 127.0.0.1:$port{$_};
        junkmail_smtp;
        junkmail_hostname mx.junkmail.test;
        junkmail_backend unix:\@DIR\@/$_.sock;
        junkmail_spool_path \@DIR\@/spool;
    }
CONF
);

my $redis = $jm->{redis};
$redis->cmd('HSET', 'jm:domain:{junkmail.test}', policy => 'closed',
    state => 'active');
$redis->cmd('ZADD', 'jm:domains', 1, 'junkmail.test');

my $to = $jm->address($jm->account, alias => 'someone')->{address};

my (%server, %session, %began);

sub listens
{
    my ($name, $plan) = @_;

    $server{$name} = JunkMail::LMTP->new(path => "$jm->{dir}/$name.sock",
                                         plan => $plan);
}

for my $case (@cases) {
    my ($name, $plan) = @$case;

    listens($name, $plan) if $plan;
    my $s = JunkMail::SMTP->new(port => $port{$name});
    $s->cmd($_) for 'EHLO x', 'MAIL FROM:<>', "RCPT TO:<$to>", 'DATA';
    $session{$name} = $s;
    $began{$name} = time();
    $s->send("Subject: x\r\n\r\nx\r\n.\r\n");
}

# The reply, and after how many seconds it came.
sub answer
{
    my ($name) = @_;

    my $reply = $session{$name}->reply;
    return ($reply, time() - $began{$name});
}

sleep 0.5;
listens('starting', [{}]);
my $late = time() - $began{starting};

my ($reply, $took) = answer('starting');
like($reply, qr/^250/, 'a backend that comes back meanwhile') if $late < 3;

($reply, $took) = answer('away');
like($reply, qr/^451 4\.3\.0/, 'nobody listens: gives up');
ok($took > 3.9 && $took < 20, "after some seconds ($took)");

($reply, $took) = answer('once');
like($reply, qr/^250/, 'silent once: the second try');
ok($took > 7.9 && $took < 20, "after 8 s ($took)");

($reply, $took) = answer('plain');
like($reply, qr/^250/, 'who does not know XDID may take longer');
is(scalar $server{plain}->seen(1), 1, 'one try');

if ($session{always}) {
    ($reply, $took) = answer('always');
    like($reply, qr/^451 4\.3\.0/, 'always silent: 451');
    ok($took > 20 && $took < 32, "after 25 s, not as many tries ($took)");
}

%session = ();
$_->stop for values %server;
$jm->done;
done_testing;
