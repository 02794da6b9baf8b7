# conf/junkmail-run under faults: settings that cannot work are refused in
# words, a port that is taken stops everything, and whatever part is killed,
# or the launcher itself, nothing stays behind that would share the data or the
# ports with the next start.

use strict;
use warnings;

use lib 't/lib';
use File::Temp qw(tempdir);
use IO::Socket::INET;
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
my $log  = "$dir/log";
my $pid;

END { local $?; interrupt('TERM'); }

sub launch
{
    my (%env) = @_;

    unlink $log;
    $pid = fork() // die "fork: $!";
    if ($pid == 0) {
        setpgrp(0, 0);
        $SIG{INT} = 'DEFAULT'; # a shell's job in the background ignores it
        open(STDIN,  '<', '/dev/null');
        open(STDOUT, '>', $log);
        open(STDERR, '>&', \*STDOUT);
        %ENV = (
            %ENV,
            SMTP  => "127.0.0.1:$smtp",
            HTTP  => "127.0.0.1:$http",
            DATA  => "$dir/data",
            BUILD => $JunkMail::Test::BUILD,
            %env,
        );
        exec "$root/conf/junkmail-run";
    }
}

sub slurp { open(my $f, '<', $_[0]) or return ''; local $/; return <$f> // '' }

sub ready
{
    my $end = time() + 180;
    while (time() < $end) {
        return 1 if slurp($log) =~ /^junkmail  \| ready$/m;
        return 0 if ended(0);
        sleep 0.1;
    }
    return 0;
}

# The launcher's end, waited for.
sub ended
{
    my ($seconds) = @_;

    return 1 if !$pid;
    my $end = time() + $seconds;
    do {
        if (waitpid($pid, POSIX::WNOHANG()) == $pid) {
            $pid = 0;
            return 1;
        }
        sleep 0.05;
    } while (time() < $end);
    return 0;
}

# A signal to the launcher's whole group, as a terminal sends it.
sub interrupt { kill $_[0] => -$pid if $pid }

# Processes that have this run's directory in their command line, and what is
# below them.
sub parts
{
    my ($run) = slurp($log) =~ m{(/tmp/junkmail\.\w+)/};
    my %found;
    for my $proc (glob '/proc/[0-9]*') {
        my ($n) = $proc =~ /(\d+)$/;
        next if slurp("$proc/cmdline") !~ /\Q$run\E/;
        $found{$_} = 1 for $n, split ' ', slurp("$proc/task/$n/children");
    }
    return keys %found;
}

sub pid_of
{
    my ($name) = @_;

    for my $n (split ' ', slurp("/proc/$pid/task/$pid/children")) {
        return $n if slurp("/proc/$n/comm") =~ /^\Q$name\E/;
    }
    return;
}

sub all_gone
{
    my @pids = @_;

    my $end = time() + 180;
    while (time() < $end) {
        @pids = grep { kill 0, $_ } @pids;
        return 1 if !@pids;
        sleep 0.1;
    }
    diag(`ps -o pid,ppid,args -p @pids`);
    return 0;
}

# --- settings ----------------------------------------------------------------

for ([{ SMTP => $smtp },           qr/^junkmail  \| SMTP=\d+ is not address:/],
     [{ HTTP => ':8080' },         qr/^junkmail  \| HTTP=:8080 is not address:/],
     [{ DOMAIN => 'a.test;x' },    qr/^junkmail  \| DOMAIN=a\.test;x is not a d/],
     [{ DOMAIN => "ex\xc3\xa4.test" }, qr/^junkmail  \| DOMAIN=\S+ is not a dom/],
     [{ DOMAIN => 'a-.test' },     qr/"a-\.test" is not a domain/],
     [{ DATA => "$dir/a b" },      qr/^junkmail  \| a path must be without/],
     [{ REDIS => "$dir/none" },    qr/cannot make our users on \S+none$/m])
{
    my ($env, $says) = @$_;
    my ($name) = %$env;

    launch(%$env);
    ok(ended(180), "$name=$env->{$name} stops the start");
    isnt($?, 0, 'as a failure');
    like(slurp($log), $says, 'in words');
    unlike(slurp($log), qr/\| ready/, 'and is not ready before');
}

# --- ports -------------------------------------------------------------------

# Even if who has the port would pass for a healthy JunkMail.
my $other = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $http,
    Listen => 5, ReuseAddr => 1) or die $!;
my $answers = fork();
if ($answers == 0) {
    local $SIG{PIPE} = 'IGNORE';
    while (my $c = $other->accept) {
        print $c "HTTP/1.1 200 OK\r\n\r\n";
    }
    POSIX::_exit(0);
}
close $other;

launch();
ok(ended(180), 'a port that is taken stops the start');
isnt($?, 0, 'as a failure');
like(slurp($log), qr/Address already in use.*^junkmail  \| stopped$/ms, 'in words');
unlike(slurp($log), qr/\| ready/, 'and is not ready before');

kill KILL => $answers;
waitpid $answers, 0;

# --- a long name -------------------------------------------------------------

my $long = join('.', ('x' x 40) x 2, 'test');
launch(DOMAIN => $long, DATA => "$dir/long");
ok(ready(), 'a domain longer than a CN may be') or diag(slurp($log));
interrupt('TERM');
ok(ended(180), 'stops');

# --- kill -9 -----------------------------------------------------------------

sub mail
{
    return eval { JunkMail::SMTP->new(port => $smtp)
        ->send_mail('postmaster@junkmail.test', "Subject: m\n\nx\n") } // '';
}

for my $part (qw(nginx junkmaild redis-server)) {
    launch();
    ok(ready(), "start before the end of $part") or diag(slurp($log));
    my @parts = parts();
    kill KILL => pid_of($part) || last;
    ok(ended(180), "$part is killed: the launcher ends");
    isnt($?, 0, 'as a failure');
    ok(all_gone(@parts), 'and nothing is left');
}

launch();
ok(ready(), 'start before the end of the launcher') or diag(slurp($log));
like(mail(), qr/^250 /, 'a mail');
my @parts = parts();
my $run   = readlink "$dir/data/run";
ok(-d $run, 'a directory for its sockets');
kill KILL => $pid if $pid;
waitpid $pid, 0;

launch();
ok(ready(), 'the launcher is killed: the next start') or diag(slurp($log));
ok(all_gone(@parts), 'has the data for itself');
ok(!-e $run, 'and nothing of the last one is left');
like(mail(), qr/^250 /, 'and takes mail');

chomp(my $operator = slurp("$dir/data/operator.key"));
my $r = JunkMail::HTTP::request($http, GET => '/api/v1/emails',
    key => $operator);
is(scalar @{ $r->{json}{data} }, 2, 'nothing is missing');

# --- a second Redis ----------------------------------------------------------

my $out = `timeout 180 $root/conf/junkmail-redis $dir/data/redis $dir/r.sock \\
    /dev/null $root/conf/redis.conf 2>&1`;
isnt($?, 0, 'a second Redis on the same directory is refused');
like($out, qr/another Redis runs on/, 'in words');

# --- Ctrl-C ------------------------------------------------------------------

my $s = JunkMail::SMTP->new(port => $smtp);
$s->cmd($_) for 'EHLO x', 'MAIL FROM:<>', 'RCPT TO:<postmaster>';
like($s->cmd('DATA'), qr/^354 /, 'a message is coming in');
$s->send("Subject: half\r\n");
interrupt('INT');
ok(!ended(2), 'Ctrl-C waits for it');
interrupt('INT');
ok(ended(180), 'a second Ctrl-C does not');
is($?, 0, 'and stops in order');
ok(!-l "$dir/data/run", 'leaving nothing behind');
like(slurp($log), qr/stopping redis.*^junkmail  \| stopped$/ms, 'everything');

done_testing;
