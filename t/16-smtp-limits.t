# Limits of the SMTP edge: connections of an address and of all, new ones in a
# time, tarpit, unknown recipients, early talkers, slow senders, stress; over
# two workers, a reload and a killed worker. Many clients are one by the PROXY
# protocol.

use strict;
use warnings;

use lib 't/lib';
use JunkMail::LMTP;
use JunkMail::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my %port = map { $_ => JunkMail::Test->free_port }
    qw(limited rate small tarpit greet slow conn);

# A server {} of its own for each limit; they share the zone, not the numbers.
sub server
{
    my ($name, $lines, $listen) = @_;

    return <<"CONF";
    server {
        listen 127.0.0.1:$port{$name} @{[ $listen // 'proxy_protocol' ]};
        set_real_ip_from 127.0.0.1;
        junkmail_smtp;
        $lines
    }
CONF
}

my $jm = JunkMail::Test->new(
    junkmaild => 0,
    workers   => 2,
    allow     => qr/worker process \d+ exited on signal 9/,
    http      => 'location = /metrics { junkmail_metrics; }',
    streams   => 'junkmail_hostname mx.junkmail.test;'
        . 'junkmail_backend unix:@DIR@/lmtp.sock;'
        . 'junkmail_spool_path @DIR@/spool;'
        . 'limit_conn_zone $remote_addr zone=conn:64k;'
        . server('limited', 'junkmail_connections_per_address 3;')
        . server('rate', 'junkmail_connection_rate 5r/m;')
        . server('small', 'junkmail_connections 10;'
                 . 'junkmail_stress_timeout 2s; junkmail_timeout 300s;')
        . server('tarpit', 'junkmail_tarpit 3 300ms; junkmail_errors 6;'
                 . 'junkmail_unknown_recipients 5; junkmail_unknown_rate 8r/h;'
                 . 'junkmail_junk 5;')
        . server('greet', 'junkmail_greeting_delay 4s;', '')
        . server('slow', 'junkmail_data_rate 100 1s;')
        . server('conn', 'limit_conn conn 1; limit_conn_dry_run on;'),
);
my $lmtp = JunkMail::LMTP->new(path => $jm->lmtp_socket);

my $redis = $jm->{redis};
$redis->cmd('HSET', 'jm:domain:{junkmail.test}', policy => 'closed',
    state => 'active');
$redis->cmd('ZADD', 'jm:domains', 1, 'junkmail.test');

my $to = $jm->address($jm->account, alias => 'someone')->{address};

# A client from `address`, as a balancer tells of it; its first line is read.
sub from
{
    my ($name, $address) = @_;

    my $s = JunkMail::SMTP->new(port => $port{$name}, silent => 1);
    my $family = $address =~ /:/ ? 'TCP6' : 'TCP4';
    my $ours   = $address =~ /:/ ? '::1' : '127.0.0.1';
    $s->send("PROXY $family $address $ours 1024 25\r\n");
    $s->{banner} = $s->reply;
    return $s;
}

sub counter
{
    my ($name) = @_;

    my $text = $jm->http(GET => '/metrics')->{body};
    return $text =~ /^junkmail_\Q$name\E (\d+)$/m ? $1 : undef;
}

sub counts
{
    my ($name, $by, $code) = @_;

    my $before = counter($name);
    $code->();
    ok($jm->eventually(sub { counter($name) - $before >= $by }),
       "$name counted");
}

sub refused
{
    my ($s, $reply, $what) = @_;

    like($s->banner, qr/^$reply/, $what);
    ok($s->eof, "$what: and closed");
}

subtest 'connections of an address' => sub {
    my @s = map { from('limited', '192.0.2.1') } 1 .. 3;
    is(scalar(grep { $_->banner =~ /^220 / } @s), 3, 'three of one address');

    counts('smtp_refused_total{reason="address"}', 2, sub {
        refused(from('limited', '192.0.2.1'), '421 4\.7\.0', 'the fourth')
            for 1 .. 2;
    });
    like(from('limited', '192.0.2.2')->banner, qr/^220/, 'another address');

    # What a client sends meanwhile does not cost it the reply.
    my $s = JunkMail::SMTP->new(port => $port{limited}, silent => 1);
    $s->send("PROXY TCP4 192.0.2.1 127.0.0.1 1 25\r\n" . "NOOP\r\n" x 1000);
    like($s->reply, qr/^421 4\.7\.0/, 'a client that talks on reads it, too');

    (shift @s)->close;
    ok($jm->eventually(sub { from('limited', '192.0.2.1')->banner =~ /^220/ }),
       'a place is given back');
};

subtest 'IPv6' => sub {
    my @s = map { from('limited', "2001:db8:1:2:$_\::1") } 1 .. 3;
    is(scalar(grep { $_->banner =~ /^220 / } @s), 3, 'three of a /64');
    refused(from('limited', '2001:db8:1:2:ffff::2'), '421 4\.7\.0',
            'the fourth of it');
    like(from('limited', '2001:db8:1:3::1')->banner, qr/^220/, 'the next /64');

    # Mapped IPv4 addresses are no /64.
    @s = map { from('limited', "::ffff:198.51.100.$_") } 1 .. 4;
    is(scalar(grep { $_->banner =~ /^220 / } @s), 4, 'mapped IPv4 addresses');
    push @s, map { from('limited', '198.51.100.1') } 1 .. 2;
    refused(from('limited', '::ffff:198.51.100.1'), '421 4\.7\.0',
            'mapped or not, it is one');
};

subtest 'over a reload and a killed worker' => sub {
    my @s = map { from('limited', '192.0.2.9') } 1 .. 3;
    my @old = $jm->nginx_workers;

    # An open transaction survives a reload, and so does its place.
    for my $s (@s) {
        $s->cmd('EHLO x');
        $s->cmd('MAIL FROM:<>');
    }
    $jm->reload_nginx;
    ok($jm->eventually(sub {
           4 <= $jm->nginx_workers }), 'old and new workers');
    refused(from('limited', '192.0.2.9'), '421 4\.7\.0', 'still the fourth');
    $_->cmd('RSET') for @s;
    ok($jm->eventually(sub {
           from('limited', '192.0.2.9')->banner =~ /^220/ }), 'given back');

    # A worker that is killed gives nothing back.
    @s = map { from('limited', '192.0.2.10') } 1 .. 3;
    refused(from('limited', '192.0.2.10'), '421 4\.7\.0', 'all taken');
    kill KILL => $jm->nginx_workers;
    @s = ();
    ok($jm->eventually(sub {
           $s[0] = eval { from('limited', '192.0.2.10') };
           $s[0] && $s[0]->banner =~ /^220/ }), 'healed');
    push @s, map { from('limited', '192.0.2.10') } 1 .. 2;
    refused(from('limited', '192.0.2.10'), '421 4\.7\.0', 'and counted again');
};

subtest 'new connections' => sub {
    my @said = map { my $s = from('rate', '192.0.2.20');
                     my $b = $s->banner; $s->cmd('QUIT'); $b } 1 .. 12;
    # The minute may end in between, once.
    my $taken = grep { /^220 / } @said;
    ok($taken >= 5 && $taken <= 10, "5 a minute are taken ($taken)");
    is(scalar(grep { /^421 4\.7\.0/ } @said), 12 - $taken, 'more are not');
    like(from('rate', '192.0.2.21')->banner, qr/^220/, 'another address');
};

subtest 'all connections, stress' => sub {
    ok($jm->eventually(sub { counter('smtp_connections') == 0 }),
       'none open');

    my @s = map { from('small', "203.0.113.$_") } 1 .. 9;
    is(scalar(grep { $_->banner =~ /^220 / } @s), 9, 'nine of ten');
    is(counter('smtp_connections'), 9, 'are counted');
    sleep 2.5;
    like($_->cmd('NOOP'), qr/^250/, 'nine are no stress') for @s;

    my $last = from('small', '203.0.113.10');
    like($last->banner, qr/^220/, 'the tenth');
    counts('smtp_refused_total{reason="total"}', 1, sub {
        refused(from('small', '203.0.113.11'), '421 4\.3\.2', 'the eleventh');
    });

    # Idle ones go after two seconds now, the others stay.
    my $select = IO::Select->new(map { $_->socket } @s);
    my $idle;
    for (1 .. 300) {
        $last->cmd('NOOP');
        ($idle) = $select->can_read(0.1) and last;
    }
    ok($idle, 'under stress the idle have to go');
    ($idle) = grep { $_->socket == ($idle // '') } @s;
    like($idle && $idle->reply, qr/^421 4\.4\.2/, 'with 421');
    like($last->cmd('NOOP'), qr/^250/, 'who is busy stays');
};

subtest 'tarpit' => sub {
    my $s = from('tarpit', '192.0.2.30');
    like($s->cmd('BOGUS'), qr/^500/, 'an error') for 1 .. 2;

    my $began = time();
    like($s->cmd('BOGUS'), qr/^500/, 'the third');
    cmp_ok(time() - $began, '>', 0.25, 'waits');

    # Each reply of a pipeline, in order; another client is served.
    $began = time();
    $s->send("NOOP\r\nBOGUS\r\nNOOP\r\n");
    my $other = from('tarpit', '192.0.2.31');
    like($other->cmd('NOOP'), qr/^250/, 'another client');
    is(join(' ', map { substr $s->reply, 0, 3 } 1 .. 3), '250 500 250',
       'in order');
    cmp_ok(time() - $began, '>', 0.75, 'each waits');

    counts('smtp_ended_total{reason="errors"}', 1, sub {
        like($s->cmd('BOGUS'), qr/^500/, 'the fifth');
        like($s->cmd('BOGUS'), qr/^421 4\.7\.0/, 'the sixth is the last');
        ok($s->eof, 'closed');
    });

    counts('smtp_ended_total{reason="junk"}', 1, sub {
        $s = from('tarpit', '192.0.2.30');
        like($s->cmd('NOOP'), qr/^250/, 'junk') for 1 .. 5;
        like($s->cmd('NOOP'), qr/^421 4\.7\.0/, 'too much of it');
    });
};

subtest 'the last reply' => sub {
    for my $tls (0, 1) {
        my $s = $jm->smtp;
        $s->starttls if $tls;
        my $what = $tls ? 'under TLS' : 'in clear';

        # What is still unread when we close must not cost the client the 421.
        $s->send("BOGUS\r\n" x 20 . "NOOP\r\n" x 20000);
        my @codes = map { substr $s->reply // '', 0, 3 } 1 .. 20;
        is("@codes", join(' ', (500) x 19, 421), "20 errors $what");
        is($s->reply, '', "and the end $what");
        $s->close;
    }
};

subtest 'unknown recipients' => sub {
    my $unknown = sub {
        my ($s, $n) = @_;
        $s->cmd('EHLO x');
        $s->cmd('MAIL FROM:<>');
        return map { substr $s->cmd("RCPT TO:<no$_\@junkmail.test>"), 0, 9 }
            1 .. $n;
    };

    counts('smtp_ended_total{reason="unknown"}', 2, sub {
        my $s = from('tarpit', '192.0.2.40');
        is(join(' ', $unknown->($s, 5)),
           join(' ', ('550 5.1.1') x 4, '421 4.7.0'), 'five of a session');
        ok($s->eof, 'closed');
        like($s->{buffer}, qr/^\z/, 'nothing more');

        # Five so far; the ninth of the hour is one too many.
        $s = from('tarpit', '192.0.2.40');
        is(join(' ', $unknown->($s, 4)),
           join(' ', ('550 5.1.1') x 3, '421 4.7.0'),
           'eight of an address, over its sessions');
    });

    my $s = from('tarpit', '192.0.2.40');
    $s->cmd('EHLO x');
    $s->cmd('MAIL FROM:<>');
    like($s->cmd("RCPT TO:<$to>"), qr/^250/, 'who exists is still reached');
    $s = from('tarpit', '192.0.2.41');
    is(join(' ', $unknown->($s, 1)), '550 5.1.1', 'another address');
};

subtest 'before the greeting' => sub {
    my $began = time();
    my $s = JunkMail::SMTP->new(port => $port{greet}, silent => 1);
    like($s->reply, qr/^220/, 'who waits is greeted');
    cmp_ok(time() - $began, '>', 3.9, 'after the delay');
    like($s->cmd('EHLO x'), qr/^250/, 'and served');

    my %said = (
        "EHLO x\r\nMAIL FROM:<>\r\n"   => '554 5\.5\.1 Wait',
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n" => '554 5\.5\.1 This is an SMTP',
        "\x16\x03\x01\x02\x00\x01"     => '554 5\.5\.1 .*STARTTLS',
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" => '554 5\.5\.1 No PROXY',
        "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" => '554 5\.5\.1 No PROXY',
        "\0"                           => '554 5\.5\.1 Wait',
    );
    counts('smtp_ended_total{reason="stranger"}', scalar keys %said, sub {
        for my $bytes (sort keys %said) {
            $s = JunkMail::SMTP->new(port => $port{greet}, silent => 1);
            $s->send($bytes);
            my $name = substr($bytes, 0, 12) =~ s/[^ -~]/?/gr;
            like($s->reply, qr/^$said{$bytes}/, "$name before the greeting");
            ok($s->eof, "$name: closed");
        }
    });

    # After it, too, and without a delay.
    for my $bytes (grep { !/^EHLO|^\0/ } sort keys %said) {
        $s = $jm->smtp;
        $s->send($bytes);
        my $name = substr($bytes, 0, 12) =~ s/[^ -~]/?/gr;
        like($s->reply, qr/^$said{$bytes}/, "$name after the greeting");
        ok($s->eof, "$name: closed");
    }

    # Octets that are there already, right behind a PROXY header.
    $s = JunkMail::SMTP->new(port => $port{limited}, silent => 1);
    $s->send("PROXY TCP4 192.0.2.50 127.0.0.1 1 25\r\nEHLO x\r\n");
    like($s->reply, qr/^554 5\.5\.1 Wait/, 'early without a delay');
};

subtest 'slow senders' => sub {
    my $s = from('slow', '192.0.2.60');
    $s->cmd($_) for 'EHLO x', 'MAIL FROM:<>', "RCPT TO:<$to>";

    my $trickle = sub {
        my ($octets) = @_;

        for (1 .. 300) {
            $s->send($octets) or last;
            last if IO::Select->new($s->socket)->can_read(0.1);
        }
    };
    counts('smtp_ended_total{reason="slow"}', 2, sub {
        my $began = time();
        $s->cmd('DATA');
        $trickle->("x\r\n");
        like($s->reply, qr/^421 4\.4\.2/, 'too few octets a second');
        cmp_ok(time() - $began, '>', 0.9, 'after the time of grace');
        ok($s->eof, 'closed');

        # Chunks as well.
        $s = from('slow', '192.0.2.60');
        $s->cmd($_) for 'EHLO x', 'MAIL FROM:<>', "RCPT TO:<$to>";
        $s->send("BDAT 100000 LAST\r\n");
        $trickle->('x');
        like($s->reply, qr/^421 4\.4\.2/, 'a chunk that trickles');
    });

    # What was refused before it is not of the message.
    $s = from('slow', '192.0.2.60');
    $s->cmd('EHLO x');
    like($s->cmd("BDAT 2\r\n"), qr/^503/, 'a chunk of no message');
    sleep 4.5;
    $s->cmd($_) for 'MAIL FROM:<>', "RCPT TO:<$to>", 'DATA';
    $s->send('x' x 400 . "\r\n");
    sleep 0.2;
    $s->send(".\r\n");
    like($s->reply, qr/^250/, 'does not make the next message slow');

    $s = from('slow', '192.0.2.60');
    $s->cmd($_) for 'EHLO x', 'MAIL FROM:<>', "RCPT TO:<$to>", 'DATA';
    for (1 .. 8) {
        $s->send(('x' x 498 . "\r\n") x 2);
        sleep 0.2;
    }
    $s->send(".\r\n");
    like($s->reply, qr/^250/, 'a slow line is no slow sender');
};

subtest 'stock limit_conn' => sub {
    my $s = from('conn', '192.0.2.70');
    like($s->banner, qr/^220/, 'the first');
    counts('smtp_refused_total{reason="limit_conn"}', 1, sub {
        refused(from('conn', '192.0.2.70'), '421 4\.7\.0', 'the second');
    });
};

subtest 'nine hundred at once' => sub {
    my @s;
    for my $n (1 .. 900) {
        push @s, JunkMail::SMTP->new(port => $jm->{smtp_port}, silent => 1);
    }
    my $greeted = grep { ($_->reply // '') =~ /^220/ } @s;
    # Some of the other subtests' may still be open.
    cmp_ok($greeted, '>=', 890, "$greeted greeted");
    my $worked = grep { ($_->cmd('NOOP') // '') =~ /^250/ } @s[0 .. 500];
    cmp_ok($worked, '>=', 490, 'and served');
    $_->close for @s;
    ok($jm->eventually(sub { counter('smtp_connections') == 0 }),
       'all places are given back');
};

$lmtp->stop;
$jm->done;
done_testing;
