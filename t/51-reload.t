# The end of a worker: reload, binary upgrade, shutdown.  Sessions hear 421
# 4.3.2 between two transactions, an open transaction goes on to its reply, and
# under load no message loses its reply.  worker_shutdown_timeout cuts a client
# that does not end, but no hand-off.

use strict;
use warnings;

use lib 't/lib';
use JunkMail::LMTP;
use JunkMail::Test;
use POSIX;
use Test::More;
use Time::HiRes qw(sleep time);

my $jm = JunkMail::Test->new(
    junkmaild => 0,
    daemon    => 1,
    workers   => 2,
    shutdown  => '15s',
    stream    => 'junkmail_timeout 30s; junkmail_tarpit 1 10s;',
);
my $lmtp = lmtp(1);

my $redis = $jm->{redis};
$redis->cmd('HSET', 'jm:domain:{junkmail.test}', policy => 'closed',
    state => 'active');
$redis->cmd('ZADD', 'jm:domains', 1, 'junkmail.test');

my $to = $jm->address($jm->account, alias => 'someone')->{address};

# A server that takes so many seconds for a message.
sub lmtp
{
    my ($delay) = @_;

    return JunkMail::LMTP->new(path => $jm->lmtp_socket,
                               plan => [ { delay => $delay } ]);
}

# Senders until they are told to stop, each message on a connection of its own.
# A sender writes a line for each: "ok", "later" (refused before its end, or no
# connection: it would try again), or what went wrong.
sub load
{
    unlink "$jm->{dir}/load.stop";

    my @pids;
    for my $n (1 .. 3) {
        my $pid = fork() // die "fork: $!";
        if ($pid) {
            push @pids, $pid;
            next;
        }
        open(my $out, '>', "$jm->{dir}/load.$n") or die;
        until (-e "$jm->{dir}/load.stop") {
            print $out message(), "\n";
            sleep 0.02;
        }
        close $out;
        POSIX::_exit(0);
    }
    return @pids;
}

sub message
{
    my $s = eval { JunkMail::SMTP->new(port => $jm->{smtp_port}) }
        or return 'later';

    for my $line ('EHLO load', 'MAIL FROM:<>', "RCPT TO:<$to>", 'DATA') {
        my $reply = $s->cmd($line) // return "no reply to $line";
        next if $reply =~ /^[23]/;
        # Only a session that has not begun a transaction may be cut.
        return 'later' if $line =~ /^(?:EHLO|MAIL)/
            && $reply =~ /^(?:421 4\.3\.2|\z)/;
        return "$line: $reply";
    }

    $s->send("Subject: load\r\n\r\nx\r\n.\r\n");
    my $reply = $s->reply // 'no reply to the message';
    return $reply =~ /^250/ ? 'ok' : "message: $reply";
}

sub load_result
{
    my @pids = @_;

    $jm->write('load.stop', '');
    waitpid($_, 0) for @pids;

    my %count;
    for my $n (1 .. 3) {
        $count{$_}++ for split /\n/, $jm->read("load.$n");
    }
    return \%count;
}

# One session in every state, by name.
sub sessions
{
    my %s;

    $s{$_} = $jm->smtp for qw(fresh idle tarpit tls transaction data handoff);
    $s{$_}->cmd('EHLO x') for grep { $_ ne 'fresh' } keys %s;

    $s{tls}->starttls;
    $s{tls}->cmd('EHLO x');

    for my $name (qw(transaction data handoff)) {
        $s{$name}->cmd('MAIL FROM:<>');
        $s{$name}->cmd("RCPT TO:<$to>");
    }
    for my $name (qw(data handoff)) {
        $s{$name}->cmd('DATA');
        $s{$name}->send("Subject: $name\r\n\r\n");
    }

    # The reply to it is held back.
    $s{tarpit}->send("BOGUS\r\n");

    # Its backend takes a second.
    $s{handoff}->send(".\r\n");
    sleep 0.2;

    return %s;
}

# How each of them must end once its worker is to leave.
sub judge
{
    my (%s) = @_;

    like($s{tarpit}->reply, qr/^500/, 'tarpit: the reply held back');

    for my $name (qw(fresh idle tarpit tls)) {
        like($s{$name}->reply, qr/^421 4\.3\.2/, "$name: 421 at once");
        ok($s{$name}->eof, "$name: and closed");
    }

    like($s{handoff}->reply, qr/^250/, 'hand-off: the reply to the message');

    like($s{transaction}->cmd('NOOP'), qr/^250/, 'transaction goes on');
    like($s{transaction}->cmd('DATA'), qr/^354/, 'to its DATA');
    $s{transaction}->send("Subject: x\r\n\r\n.\r\n");
    $s{data}->send("more\r\n.\r\n");

    for my $name (qw(transaction data)) {
        like($s{$name}->reply, qr/^250/, "$name: the reply to the message");
    }
    for my $name (qw(transaction data handoff)) {
        like($s{$name}->reply, qr/^421 4\.3\.2/, "$name: then 421");
        ok($s{$name}->eof, "$name: and closed");
    }
}

sub gone { my @pids = @_; $jm->eventually(sub { !grep { kill 0 => $_ } @pids }) }

subtest 'reload' => sub {
    my @old  = $jm->nginx_workers;
    my @load = load();
    my %s    = sessions();

    $jm->reload_nginx;
    judge(%s);

    ok(gone(@old), 'old workers have left');
    like($jm->smtp->banner, qr/^220/, 'new ones serve');

    my $r = load_result(@load);
    cmp_ok($r->{ok} // 0, '>', 0, "messages went on: $r->{ok}");
    is(join(', ', grep { !/^(?:ok|later)$/ } keys %$r), '', 'no reply lost');
};

subtest 'binary upgrade' => sub {
    my @old  = $jm->nginx_workers;
    my @load = load();
    my %s    = sessions();
    my $old  = $jm->upgrade_nginx;

    judge(%s);
    ok(gone(@old), 'old workers have left');

    kill QUIT => $old;
    is(waitpid($old, 0), $old, 'the old master ends');
    is($?, 0, 'in order');

    like($jm->smtp->banner, qr/^220/, 'the new binary serves');
    my $r = load_result(@load);
    cmp_ok($r->{ok} // 0, '>', 0, "messages went on: $r->{ok}");
    is(join(', ', grep { !/^(?:ok|later)$/ } keys %$r), '', 'no reply lost');
};

subtest 'worker_shutdown_timeout' => sub {
    my @old = $jm->nginx_workers;

    my $conf = $jm->read('nginx.conf');
    $conf =~ s/worker_shutdown_timeout \S+;/worker_shutdown_timeout 2s;/;
    $jm->write('nginx.conf', $conf);
    $jm->reload_nginx;
    ok(gone(@old), 'workers with the short time');

    # The next server takes longer than the workers have.
    $lmtp->stop;
    $lmtp = lmtp(4);

    @old = $jm->nginx_workers;
    my %s = map { $_ => $jm->smtp } qw(half whole);
    for my $s (values %s) {
        $s->cmd($_) for 'EHLO x', 'MAIL FROM:<>', "RCPT TO:<$to>", 'DATA';
        $s->send("Subject: x\r\n");
    }
    $s{whole}->send("\r\n.\r\n");

    my $began = time();
    $jm->reload_nginx;
    like($s{half}->reply, qr/^421 4\.3\.2/, 'half a message: 421 after all');
    ok($s{half}->eof, 'and closed');
    my $took = time() - $began;
    ok($took > 1.9 && $took < 15, "at worker_shutdown_timeout ($took)");

    like($s{whole}->reply, qr/^250/, 'a whole one: what became of it');
    like($s{whole}->reply, qr/^421 4\.3\.2/, 'then 421');
    is(scalar $lmtp->seen(1), 1, 'it was handed off once');
    ok(gone(@old), 'the worker has left');

    $lmtp->stop;
    $lmtp = lmtp(1);

    # Those to come have time.
    $conf =~ s/worker_shutdown_timeout \S+;/worker_shutdown_timeout 15s;/;
    @old = $jm->nginx_workers;
    $jm->write('nginx.conf', $conf);
    $jm->reload_nginx;
    ok(gone(@old), 'workers with a longer one again');
};

subtest 'shutdown' => sub {
    my @load = load();
    my %s    = sessions();
    my $pid  = $jm->{nginx_pid};

    kill QUIT => $pid;
    ok($jm->eventually(sub {
           !IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                  PeerPort => $jm->{smtp_port}) }),
       'takes no more connections');
    judge(%s);
    is(waitpid($pid, 0), $pid, 'the master ends');
    is($?, 0, 'in order');
    delete $jm->{nginx_pid};

    my $r = load_result(@load);
    is(join(', ', grep { !/^(?:ok|later)$/ } keys %$r), '', 'no reply lost');
};

$lmtp->stop;
$jm->done;
done_testing;
