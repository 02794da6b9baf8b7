# Much of everything, and nothing left behind: 1,000 transactions on one
# connection, 1,000 connections at once, 25 MiB messages, 100 recipients of
# several accounts; memory of nginx and junkmaild after each.  A tenth of it
# without JM_LONG.

use strict;
use warnings;

use lib 't/lib';
use JunkMail::Test;
use List::Util qw(max);
use Test::More;
use Time::HiRes qw(time);

my $LONG = $ENV{JM_LONG};
my ($many, $rounds, $mib) = $LONG ? (1000, 10, 25) : (100, 4, 6);

my $jm = JunkMail::Test->new(
    stream => 'junkmail_connections 2000;',
    http   => 'junkmail_quota_emails 100000; junkmail_quota_bytes 2g;',
);

# 100 addresses of four accounts.
my @accounts = map { $jm->account } 1 .. 4;
my @to = map { $jm->address($accounts[$_ % 4], alias => "a$_")->{address} }
    0 .. 99;

# Kilobytes of memory of its own that a process holds, the largest of them.
sub memory
{
    my (@pids) = @_;

    my $most = 0;
    for my $pid (@pids) {
        my ($kb) = $jm->slurp("/proc/$pid/smaps_rollup")
            =~ /^Pss_Anon:\s+(\d+)/m;
        $most = $kb if $kb && $kb > $most;
    }
    return $most;
}

my $small = "Subject: x\r\n\r\nx\r\n.\r\n";

my %load = (
    "$many transactions on a connection" => sub {
        my $s = $jm->smtp;
        $s->cmd('EHLO t');
        my $ok = 0;
        for my $n (1 .. $many) {
            $s->send("MAIL FROM:<a\@b.example>\r\nRCPT TO:<$to[$n % 100]>\r\n"
                . "DATA\r\n");
            $s->reply for 1 .. 3;
            $s->send($small);
            $ok++ if ($s->reply // '') =~ /^250/;
        }
        return $ok == $many;
    },
    "$many connections" => sub {
        my @open = map { JunkMail::SMTP->new(port => $jm->{smtp_port},
            silent => 1) } 1 .. $many;
        my $ok = grep { ($_->reply // '') =~ /^220/ } @open;
        $_->send("EHLO t\r\nMAIL FROM:<a\@b.example>\r\n") for @open;
        $ok += grep { $_->reply =~ /^250/ && $_->reply =~ /^250/ } @open;
        $_->send("QUIT\r\n") for @open;
        $ok += grep { $_->reply =~ /^221/ } @open;
        return $ok == 3 * $many;
    },
    "$mib MiB" => sub {
        my $line = 'x' x 1022 . "\r\n";
        my $mail = "Subject: big\r\n\r\n" . $line x ($mib * 1024 - 1);
        my $reply = $jm->smtp->send_mail($to[0], $mail) // '';
        return $reply =~ /^250/;
    },
    '100 recipients of 4 accounts' => sub {
        my $reply = $jm->smtp->send_mail(\@to, "Subject: x\n\nx\n");
        return $reply =~ /^250/;
    },
);

for my $what (sort keys %load) {
    my (@nginx, @junkmaild, $took);
    my $good = 0;

    for my $round (1 .. $rounds) {
        my $start = time();
        $good++ if $load{$what}->();
        $took = time() - $start;
        $jm->eventually(sub {
            $jm->slurp("/proc/net/tcp") !~ sprintf('0100007F:%04X \S+ 01 ',
                $jm->{smtp_port});
        });
        push @nginx,     memory($jm->nginx_workers);
        push @junkmaild, memory($jm->junkmaild_workers);
    }

    is($good, $rounds, "$what: all served");
    note(sprintf '%s: %.1f s; nginx %s KiB, junkmaild %s KiB', $what, $took,
        "@nginx", "@junkmaild");

    SKIP: {
        skip 'ASan keeps freed memory', 2 if $JunkMail::Test::SAN;
        # The first rounds fill caches and fragment; later ones must not add.
        for (['nginx', @nginx], ['junkmaild', @junkmaild]) {
            my ($name, @kb) = @$_;
            my $first = max(@kb[0 .. $rounds / 2 - 1]);
            my $last  = max(@kb[$rounds / 2 .. $#kb]);
            cmp_ok($last, '<', $first * 1.1 + 1000,
                "$what: $name does not grow");
        }
    }
}

$jm->done;
done_testing;
