# A part that is stopped, slow or restarted: the protocol's own temporary
# error, no nginx worker blocks, and everything is back to normal by itself.

use strict;
use warnings;

use lib 't/lib';
use JunkMail::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $jm = JunkMail::Test->new(workers => 1, allow => qr/signal 9|connect\(\) to unix:/);
my $me = $jm->account;
my $to = $jm->address($me, alias => 'away')->{address};
my $mail = "Subject: hello\n\nbody\n";

like($jm->send_mail($to, $mail), qr/^250 /, 'a mail before');

sub timed
{
    my ($code) = @_;

    my $from = time();
    my $r    = $code->();
    return ($r, time() - $from);
}


# A worker that has given up its link may have to say 451 once more: what is
# then put off is not stored, so that the count below stays right.
sub arrives
{
    my ($name) = @_;

    ok($jm->eventually(sub { $jm->send_mail($to, $mail) =~ /^250 / }),
        $name);
}


# Redis hangs: SIGSTOP.

$jm->{redis}->pause;

my $slow = fork();
if ($slow == 0) {
    # Requests that wait for Redis while the others are timed.
    $jm->api(GET => '/emails', key => $me->{key});
    POSIX::_exit(0);
}
sleep 0.3;

my ($r, $took) = timed(sub { $jm->http(GET => '/index.html') });
is($r->{status}, 200, 'a static page while Redis hangs');
cmp_ok($took, '<', 4.9, 'without a wait for it');

(my $s, $took) = timed(sub { $jm->smtp });
like($s->banner, qr/^220 /, 'the SMTP banner while Redis hangs');
cmp_ok($took, '<', 4.9, 'neither');
like($s->cmd('EHLO x'), qr/^250[ -]/, 'EHLO');
like($s->cmd('MAIL FROM:<a@example.com>'), qr/^250 /, 'MAIL');
like($s->cmd("RCPT TO:<$to>"), qr/^451 4\.3\.0 /, 'RCPT: 451 in the end');
like($s->cmd('QUIT'), qr/^221 /, 'the session lives on');

$r = $jm->api(GET => '/emails', key => $me->{key});
is($r->{status}, 503, 'REST: 503');
is($r->{json}{code}, 'STORE_UNAVAILABLE', 'with its code');
ok($r->{headers}{'retry-after'}, 'and Retry-After');
is($jm->http(GET => '/healthz')->{status}, 503, 'not healthy');
waitpid($slow, 0);

$jm->{redis}->resume;
ok($jm->eventually(sub { $jm->http(GET => '/healthz')->{status} == 200 }),
    'healthy again by itself');
arrives('and mail arrives again');


# Redis is gone.

$jm->{redis}->kill9;
$s = $jm->smtp;
$s->cmd('EHLO x');
$s->cmd('MAIL FROM:<a@example.com>');
like($s->cmd("RCPT TO:<$to>"), qr/^451 4\.3\.0 /, 'no Redis: RCPT 451');
is($jm->api(GET => '/emails', key => $me->{key})->{status}, 503,
    'no Redis: REST 503');
is($jm->api(POST => '/accounts')->{status}, 503, 'no Redis: no account');
like($jm->http(GET => '/healthz')->{body}, qr/redis/, 'healthz names it');

$jm->{redis}->restart;
ok($jm->eventually(sub { $jm->http(GET => '/healthz')->{status} == 200 }),
    'healthy again after the restart');
arrives('and mail arrives again');
is(scalar @{ $jm->api(GET => '/emails', key => $me->{key})->{json}{data} }, 3,
    'every mail answered 250 is there');


# The functions are flushed: the supervisor loads them again.

is($jm->{redis}->cmd('FUNCTION', 'FLUSH'), 'OK', 'functions flushed');
is($jm->http(GET => '/healthz')->{status}, 503, 'which is not healthy');
ok($jm->eventually(sub { $jm->http(GET => '/healthz')->{status} == 200 }),
    'flushed functions are loaded again');
arrives('and mail arrives again');


# The backend is gone: Redis and reading go on, mail is put off.

$jm->stop_junkmaild;
$s = $jm->smtp;
my $reply = $s->send_mail($to, $mail);
like($reply, qr/^451 4\.3\.0 /, 'no backend: 451 after the message');
is($jm->api(GET => '/emails', key => $me->{key})->{status}, 200,
    'no backend: mail can still be read');
like($jm->http(GET => '/healthz')->{body}, qr/backend/, 'healthz names it');

$jm->start_junkmaild;
like($s->send_mail($to, $mail, no_ehlo => 1), qr/^250 /,
    'the same session delivers once it is back');

$jm->done;
done_testing;
