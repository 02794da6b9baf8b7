# What `make run` does after building: conf/junkmail-run starts everything,
# says where, refuses a second start on the same data, stops in order on
# Ctrl-C, and the next start finds all that was there.

use strict;
use warnings;

use lib 't/lib';
use File::Temp qw(tempdir);
use JunkMail::HTTP;
use JunkMail::SMTP;
use JunkMail::Test;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

plan skip_all => 'the launcher starts nginx without the ASan runtime'
    if $JunkMail::Test::SAN;

my $root = $JunkMail::Test::ROOT;
my $dir  = tempdir('jm-run-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $smtp = JunkMail::Test->free_port;
my $http = JunkMail::Test->free_port;

sub launch
{
    my ($log) = @_;

    my $pid = fork();
    if ($pid == 0) {
        setpgrp(0, 0);
        $SIG{INT} = 'DEFAULT'; # a shell's job in the background ignores it
        open(STDIN,  '<', '/dev/null');
        open(STDOUT, '>', $log);
        open(STDERR, '>&', \*STDOUT);
        $ENV{SMTP}  = "127.0.0.1:$smtp";
        $ENV{HTTP}  = "127.0.0.1:$http";
        $ENV{DATA}  = "$dir/data";
        $ENV{BUILD} = $JunkMail::Test::BUILD;
        exec "$root/conf/junkmail-run";
    }
    return $pid;
}

sub slurp { open(my $f, '<', $_[0]) or return ''; local $/; return <$f> // '' }

sub ready
{
    my ($pid, $log) = @_;

    my $end = time() + 180;
    while (time() < $end) {
        return 1 if slurp($log) =~ /^junkmail  \| ready$/m;
        return 0 if waitpid($pid, POSIX::WNOHANG()) == $pid;
        sleep 0.1;
    }
    return 0;
}

sub stop
{
    my ($pid) = @_;

    # As the terminal does: the whole foreground group gets SIGINT.
    kill INT => -$pid;
    my $end = time() + 180;
    while (time() < $end) {
        return $? if waitpid($pid, POSIX::WNOHANG()) == $pid;
        sleep 0.05;
    }
    kill KILL => -$pid;
    return -1;
}

my $log = "$dir/log1";
my $pid = launch($log);
END { local $?; kill INT => -$pid if $pid; }

ok(ready($pid, $log), 'it says when it is ready')
    or do { diag(slurp($log)); $pid = 0; done_testing; exit };

is(JunkMail::HTTP::request($http, GET => '/healthz')->{status}, 200, 'healthy');
is(JunkMail::HTTP::request($http, GET => '/')->{status}, 200, 'a page at /');

my $me = JunkMail::HTTP::request($http, POST => '/api/v1/accounts')
    ->{json}{data};
my $r = JunkMail::HTTP::request($http, POST => '/api/v1/addresses',
    key => $me->{key}, json => { alias => 'run' });
is($r->{json}{data}{address}, 'run@junkmail.test', 'an address');

my $s = JunkMail::SMTP->new(port => $smtp);
like($s->cmd('EHLO x'), qr/^250[- ]STARTTLS\r$/m, 'STARTTLS at once');
$s->starttls;
like($s->send_mail('run@junkmail.test', "Subject: stays\n\nx\n"), qr/^250 /,
    'a mail');
like(JunkMail::SMTP->new(port => $smtp)
    ->send_mail('postmaster@junkmail.test', "Subject: p\n\nx\n"), qr/^250 /,
    'postmaster has a home');

my $mode = sprintf '%04o', (stat "$dir/data/operator.key")[2] & 07777;
is($mode, '0600', "the operator's key is for the operator");
chomp(my $operator = slurp("$dir/data/operator.key"));
$r = JunkMail::HTTP::request($http, GET => '/api/v1/emails', key => $operator);
is($r->{json}{data}[0]{subject}, 'p', 'who reads it');

my $second = launch("$dir/log2");
my $end = time() + 180;
while (waitpid($second, POSIX::WNOHANG()) != $second && time() < $end) {
    sleep 0.05;
}
isnt($?, 0, 'a second start on the same data is refused');
like(slurp("$dir/log2"), qr/another JunkMail runs/, 'with the reason');

is(stop($pid), 0, 'Ctrl-C stops it');
$pid = 0;
like(slurp($log), qr/stopping nginx.*stopping junkmaild.*stopping redis.*stopped/s,
    'in order');
unlike(slurp($log), qr/\[(?:alert|emerg|crit)\]/, 'without an alert');

$pid = launch("$dir/log3");
ok(ready($pid, "$dir/log3"), 'it starts again') or diag(slurp("$dir/log3"));
$r = JunkMail::HTTP::request($http, GET => '/api/v1/emails', key => $me->{key});
is($r->{json}{data}[0]{subject}, 'stays', 'and the mail is still there');
is(stop($pid), 0, 'and stops');
$pid = 0;


# Another Redis instead of a private one, by address and by socket.

mkdir "$dir/other";
my $port  = JunkMail::Test->free_port;
my $other = fork();
if ($other == 0) {
    open(STDOUT, '>', "$dir/other.log");
    exec 'redis-server', '--port', $port, '--bind', '127.0.0.1', '--save', '',
        '--unixsocket', "$dir/other/redis.sock", '--unixsocketperm', 777,
        '--dir', "$dir/other", '--appendonly', 'yes';
}
END { local $?; kill TERM => $other if $other; }
chmod 0755, $dir, "$dir/other";
for (1 .. 1200) {
    last if -S "$dir/other/redis.sock";
    sleep 0.05;
}

for my $redis ("127.0.0.1:$port", "unix:$dir/other/redis.sock") {
    $ENV{REDIS} = $redis;
    system "rm -rf $dir/data";
    my $log = "$dir/log-" . ($redis =~ tr/a-z//cdr);
    $pid = launch($log);
    ok(ready($pid, $log), "REDIS=$redis") or diag(slurp($log));
    $r = JunkMail::HTTP::request($http, POST => '/api/v1/accounts');
    is($r->{status}, 201, 'an account in it');
    is(stop($pid), 0, 'stops');
    $pid = 0;
    ok(kill(0 => $other), 'and leaves it running');
}

done_testing;
