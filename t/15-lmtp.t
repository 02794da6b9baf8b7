# The backend by itself: junkmaild over its Unix socket, with a real Redis and
# without nginx.  The protocol (RFC 2033, RFC 3030), what is stored, and what
# happens when a worker, Redis or the daemon goes away in the middle.

use strict;
use warnings;

use lib 't/lib';
use Digest::SHA qw(sha256_hex);
use IO::Select;
use IO::Socket::UNIX;
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use JunkMail::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $jm = JunkMail::Test->new(
    nginx    => 0,
    children => 2,
    conf     => 'message_size 300k;',
    allow    => qr/killed/,
);
my $redis = $jm->{redis};


# --- helpers ----------------------------------------------------------------

sub uuid
{
    return sprintf '%08x-%04x-7%03x-8%03x-%012x', time(), rand 65536,
        rand 4096, rand 4096, rand 2**47;
}

sub did { join '', map { sprintf '%04x', rand 65536 } 1 .. 8 }

my $keys = 0;

# An account and its addresses, made as the REST API makes them.
sub account
{
    my (@names) = @_;

    my $id   = sprintf 'A%021d', ++$keys;
    my $hash = sha256_hex("key $keys");
    my $r = $redis->cmd(\'edge', 'FCALL', 'jm_account_create', 1, "jm:{$id}",
        $hash, uuid());
    die "jm_account_create: $r" if ref $r ne 'ARRAY' || $r->[0] ne 'OK';

    my %address;
    for my $name (@names) {
        my $address = "$name\@$jm->{domain}";
        my $aid     = uuid();
        my @calls   = (
            [ 'jm_address_create', 1, "jm:{$id}", $hash, $aid, $address,
                $name, 0 ],
            [ 'jm_route_claim', 1, "jm:route:{$address}", $id, $aid,
                sha256_hex($id) ],
            [ 'jm_address_confirm', 1, "jm:{$id}", $aid ],
        );
        for my $call (@calls) {
            $r = $redis->cmd(\'edge', 'FCALL', @$call);
            die "$call->[0]: $r" if ref $r ne 'ARRAY' || $r->[0] ne 'OK';
        }
        $address{$name} = $aid;
    }

    return { id => $id, hash => $hash, address => \%address };
}

sub stored
{
    my ($account, $name) = @_;

    my $index = $name ? $account->{address}{$name} : 'all';
    return $redis->cmd('ZRANGE', "jm:{$account->{id}}:idx:$index:inbox", 0, -1);
}

# The original bytes of a stored email.
sub original
{
    my ($account, $id) = @_;

    my $gzip = $redis->cmd('GET', "jm:{$account->{id}}:raw:$id");
    gunzip(\$gzip => \my $raw) or return "gunzip: $GunzipError";
    return $raw;
}

# One LMTP connection.  `lhlo => 0` leaves it at the greeting.
sub lmtp
{
    my (%opt) = @_;

    my $socket = IO::Socket::UNIX->new(Peer => $jm->lmtp_socket)
        or return;
    my $s = bless { socket => $socket, buffer => '' }, 'Session';
    $s->{greeting} = $s->reply;
    if (($opt{lhlo} // 1) && $s->{greeting} =~ /^220 /) {
        $s->{lhlo} = $s->cmd('LHLO test');
    }
    return $s;
}

{
    package Session;

    use Time::HiRes qw(time);

    sub send
    {
        my ($self, $bytes) = @_;
        local $SIG{PIPE} = 'IGNORE';
        syswrite $self->{socket}, $bytes;
        return $self;
    }

    # One reply, its lines joined by newlines without CR; '' at the end of the
    # connection, 'TIMEOUT' when nothing comes.
    sub reply
    {
        my ($self, $timeout) = @_;
        my $reply = '';
        my $end   = time() + ($timeout || 60);

        while (1) {
            while ($self->{buffer} =~ s/^([^\n]*)\r\n//) {
                $reply .= ($reply ne '' ? "\n" : '') . $1;
                return $reply if $1 =~ /^\d{3} /;
            }
            my $left = $end - time();
            return 'TIMEOUT'
                if $left <= 0
                || !IO::Select->new($self->{socket})->can_read($left);
            sysread($self->{socket}, $self->{buffer}, 65536,
                length $self->{buffer})
                or return $reply;
        }
    }

    sub cmd     { my ($self, $line) = @_; $self->send("$line\r\n")->reply }
    sub replies { my ($self, $n) = @_; map { $self->reply } 1 .. $n }
    sub close   { close $_[0]{socket} }

    # Everything in one write, as nginx does; the replies to MAIL, each RCPT
    # and the message.
    sub deliver
    {
        my ($self, $mail, $rcpts, $message) = @_;
        $self->send(join '', "MAIL FROM:<sender\@example.com> $mail\r\n",
            map({ "RCPT TO:<$_>\r\n" } @$rcpts),
            'BDAT ' . length($message) . " LAST\r\n", $message);
        return $self->replies(1 + 2 * @$rcpts);
    }
}

# Waits until a worker serves again.
sub back
{
    return $jm->eventually(sub {
        my $s = lmtp(lhlo => 0);
        return $s && $s->{greeting} =~ /^220 /;
    });
}

sub wire { (my $text = $_[0]) =~ s/\n/\r\n/g; $text }

my $mail = wire("Subject: hello\nFrom: Jo <jo\@example.com>\n\nThe text.\n");
my $OK   = qr/^250 2\.0\.0 [0-9a-f-]{36} stored$/;

my $me    = account('one', 'two', 'kept');
my $other = account('other');
my @to    = map { "$_\@$jm->{domain}" } qw(one two other);

sub id_of { $_[0] =~ /^250 2\.0\.0 (\S{36}) / ? $1 : '' }


# --- the protocol -----------------------------------------------------------

subtest 'commands' => sub {
    my $s = lmtp(lhlo => 0);
    like($s->{greeting}, qr/^220 \S+ LMTP junkmaild$/, 'greeting');
    like($s->cmd('MAIL FROM:<>'), qr/^503 5\.5\.1 /, 'MAIL before LHLO');
    like($s->cmd("$_ x"), qr/^500 5\.5\.1 /, $_) for qw(HELO EHLO);
    like($s->cmd('LHLO'), qr/^501 5\.5\.4 /, 'LHLO without a name');

    my $lhlo = $s->cmd('lhlo x');
    like($lhlo, qr/^250[ -]\Q$_\E$/m, "LHLO: $_")
        for qw(PIPELINING ENHANCEDSTATUSCODES 8BITMIME SMTPUTF8 CHUNKING XDID),
        'SIZE 307200';

    like($s->cmd('NOOP x'), qr/^250 2\.0\.0 /, 'NOOP');
    like($s->cmd('RSET'), qr/^250 2\.0\.0 /, 'RSET');
    like($s->cmd('VRFY x'), qr/^252 2\.5\.2 /, 'VRFY');
    like($s->cmd('EXPN x'), qr/^500 5\.5\.1 /, 'unknown');
    like($s->cmd('RCPT TO:<a@b>'), qr/^503 5\.5\.1 /, 'RCPT before MAIL');
    like($s->cmd('DATA'), qr/^503 5\.5\.1 /, 'DATA before MAIL');
    like($s->cmd('x' x 3000), qr/^500 5\.5\.2 /, 'a long line');
    like($s->cmd("NOOP \x01"), qr/^500 5\.5\.2 /, 'a control character');
    like($s->cmd('QUIT'), qr/^221 2\.0\.0 /, 'QUIT');
    is($s->reply, '', 'and the end');

    $s = lmtp();
    like($s->send("NOOP\n")->reply, qr/^500 5\.5\.2 /, 'a bare LF');
    is($s->reply, '', 'ends the session');
};

subtest 'MAIL' => sub {
    my $s = lmtp();
    my @refused = (
        [ 'MAIL <a@b>'                           => '501 5.5.4' ],
        [ 'MAIL FROM:<a@b'                       => '501 5.1.7' ],
        [ 'MAIL FROM:<a b@c>'                    => '501 5.1.7' ],
        [ 'MAIL FROM:<Postmaster>'               => '501 5.1.7' ],
        [ "MAIL FROM:<m\xc3\xbcller\@x.y>"       => '553 5.6.7' ],
        [ "MAIL FROM:<\xc3\x28\@x.y> SMTPUTF8"   => '501 5.1.7' ],
        [ 'MAIL FROM:<a@b> SIZE=307201'          => '552 5.3.4' ],
        [ 'MAIL FROM:<a@b> SIZE=x'               => '501 5.5.4' ],
        [ 'MAIL FROM:<a@b> SIZE'                 => '501 5.5.4' ],
        [ 'MAIL FROM:<a@b> SIZE=99999999999999999999999' => '501 5.5.4' ],
        [ 'MAIL FROM:<a@b> BODY=BINARYMIME'      => '504 5.5.4' ],
        [ 'MAIL FROM:<a@b> XDID=' . 'A' x 32     => '501 5.5.4' ],
        [ 'MAIL FROM:<a@b> XDID=' . 'a' x 31     => '501 5.5.4' ],
        [ 'MAIL FROM:<a@b> XDID=' . 'a' x 33     => '501 5.5.4' ],
        [ 'MAIL FROM:<a@b> XRAW=1'               => '501 5.5.4' ],
        [ 'MAIL FROM:<a@b> RET=FULL'             => '555 5.5.4' ],
    );
    like($s->cmd($_->[0]), qr/^\Q$_->[1]\E /, $_->[0]) for @refused;

    for (
        'MAIL FROM:<>',
        'mail from:<a@b> size=307200 body=8bitmime smtputf8 xraw xdid='
        . 'a' x 32,
        "MAIL FROM:<m\xc3\xbcller\@x.y> SMTPUTF8",
        'MAIL FROM:<@a,@b:"c d"@e.f> BODY=7BIT',
    ) {
        like($s->cmd($_), qr/^250 2\.1\.0 /, $_);
        like($s->cmd('MAIL FROM:<>'), qr/^503 5\.5\.1 /, 'nested');
        $s->cmd('RSET');
    }
};

subtest 'RCPT of a client without a delivery id' => sub {
    my $deleted = account('deleted');
    my $full    = account('full');
    my $r = $redis->cmd(\'edge', 'FCALL', 'jm_address_delete', 1,
        "jm:{$deleted->{id}}", $deleted->{hash}, $deleted->{address}{deleted});
    is($r->[0], 'OK', 'one address is deleted');
    $redis->cmd('HSET', "jm:{$full->{id}}", 'maxEmails', 0);

    my $s = lmtp();
    $s->cmd('MAIL FROM:<>');
    my @refused = (
        [ '<nobody@junkmail.test>'  => '550 5.1.1' ],
        [ '<one@example.com>'       => '550 5.7.1' ],
        [ '<deleted@junkmail.test>' => '550 5.2.1' ],
        [ '<full@junkmail.test>'    => '452 4.2.2' ],
        [ '<one@[127.0.0.1]>'       => '550 5.7.1' ],
        [ '<>'                      => '501 5.1.3' ],
        [ '<one'                    => '501 5.1.3' ],
        [ "<m\xc3\xbc\@junkmail.test>" => '553 5.6.7' ],
        [ '<one@junkmail.test> NOTIFY=NEVER' => '555 5.5.4' ],
    );
    like($s->cmd("RCPT TO:$_->[0]"), qr/^\Q$_->[1]\E /, $_->[0]) for @refused;

    like($s->cmd('DATA'), qr/^503 5\.5\.1 /, 'DATA without recipients');
    like($s->cmd('RCPT TO:<ONE+tag@JunkMail.test>'), qr/^250 2\.1\.5 /,
        'one that exists');
    like($s->cmd('RCPT TO:<"o\ne"@junkmail.test>'), qr/^250 2\.1\.5 /,
        'quoted');
    like($s->cmd('DATA'), qr/^354 /, 'DATA');
    $s->send("$mail.\r\n");
    my @replies = $s->replies(2);
    like($replies[0], $OK, 'stored');
    is($replies[1], $replies[0], 'once for the same mailbox');
    is(scalar @{ stored($me, 'one') }, 1, 'one copy');
    is($s->reply(0.2), 'TIMEOUT', 'no reply for refused recipients');
};

subtest 'RCPT limit' => sub {
    my $s = lmtp();
    $s->cmd('MAIL FROM:<>');
    $s->send("RCPT TO:<$to[1]>\r\n" x 101);
    my @replies = $s->replies(101);
    is(scalar(grep { /^250 / } @replies), 100, 'a hundred are accepted');
    like($replies[100], qr/^452 4\.5\.3 /, 'the next is not');
};


# --- the message ------------------------------------------------------------

subtest 'BDAT in every size' => sub {
    my ($first, @ids) = ('', ());
    my $text = wire("Subject: x\n\n.\n..\n\n.\nb\xff\n");
    my $bad  = 0;

    for my $cut (0 .. length $text) {
        my $s = lmtp();
        $s->cmd('MAIL FROM:<> XDID=' . did());
        $s->cmd("RCPT TO:<$to[1]>");
        my $reply = $s->cmd("BDAT $cut\r\n" . substr($text, 0, $cut) . 'NOOP');
        $bad++ if $reply !~ /^250 2\.0\.0 chunk/;
        $bad++ if $s->reply !~ /^250 2\.0\.0 OK/;
        my $rest = length($text) - $cut;
        $s->send("BDAT $rest LAST\r\n" . substr $text, $cut);
        my $id = id_of($s->reply);
        $bad++ if original($me, $id) ne $text;
    }
    is($bad, 0, 'two chunks, cut everywhere');

    my $s = lmtp();
    $s->cmd('MAIL FROM:<> XDID=' . did());
    $s->cmd("RCPT TO:<$to[1]>");
    for my $i (0 .. length($text) - 1) {
        $s->send("BDAT 1\r\n" . substr $text, $i, 1);
        $bad++ if $s->reply !~ /^250 /;
    }
    my $id = id_of($s->cmd('BDAT 0 LAST'));
    is($bad, 0, 'a chunk for every octet');
    is(original($me, $id), $text, 'and BDAT 0 LAST');

    $s = lmtp();
    my $all = "MAIL FROM:<> XDID=" . did() . "\r\nRCPT TO:<$to[1]>\r\nBDAT "
        . length($text) . " LAST\r\n${text}QUIT\r\n";
    for (split //, $all) {
        $s->send($_);
        select undef, undef, undef, 0.0002;
    }
    my @replies = $s->replies(4);
    is(original($me, id_of($replies[2])), $text, 'byte by byte');
    like($replies[3], qr/^221 /, 'QUIT after the message');

    $s = lmtp();
    @replies = $s->deliver('XDID=' . did(), [ $to[1] ], '');
    like($replies[2], $OK, 'an empty message');
};

subtest 'BDAT refused' => sub {
    my $s = lmtp();
    like($s->cmd("BDAT 6 LAST\r\nQUIT\r\nNOOP"), qr/^503 5\.5\.1 /,
        'before MAIL');
    like($s->reply, qr/^250 /, 'its octets were no command');
    $s->cmd('MAIL FROM:<>');
    like($s->cmd("BDAT 6\r\nQUIT\r\nNOOP"), qr/^503 5\.5\.1 /,
        'without recipients');
    like($s->reply, qr/^250 /, 'nor here');
    $s->cmd('RSET');

    my $big = 'x' x (300 * 1024);
    $s->cmd('MAIL FROM:<> XDID=' . did());
    $s->send("RCPT TO:<$_>\r\n") && $s->reply for @to[0, 1];
    like($s->cmd("BDAT 307200\r\n$big" . 'NOOP'), qr/^250 /, 'to the limit');
    like($s->reply, qr/^250 /, 'NOOP between chunks');
    like($s->cmd('DATA'), qr/^503 5\.5\.1 /, 'DATA after BDAT');
    like($s->cmd("RCPT TO:<$to[0]>"), qr/^503 5\.5\.1 /, 'RCPT after BDAT');
    like($s->cmd("BDAT 1\r\nxNOOP"), qr/^552 5\.3\.4 /, 'one octet too many');
    like($s->reply, qr/^250 /, 'in step');
    $s->send("BDAT 3 LAST\r\nxyz");
    like($_, qr/^552 5\.3\.4 /, 'LAST: refused for each') for $s->replies(2);

    for my $bad ("a\nb", "a\rb", "a\0b", "ab\r") {
        my $t = lmtp();
        $t->cmd('MAIL FROM:<> XDID=' . did());
        $t->send("RCPT TO:<$_>\r\n") && $t->reply for @to[0, 1];
        $t->send("BDAT 2\r\n\r\n") && $t->reply;
        $t->send('BDAT ' . length($bad) . " LAST\r\n$bad");
        like($_, qr/^550 5\.6\.11 /, 'a line end that is none')
            for $t->replies(2);
    }

    my $t = lmtp();
    like($t->cmd("BDAT 6 LAST\1\r\nQUIT"), qr/^500 5\.5\.2 /,
         'a control octet in its line');
    is($t->reply, '', 'ends the session');

    for ('BDAT', 'BDAT x', 'BDAT -1', 'BDAT 5 FIRST', 'BDAT 5 LAST LAST') {
        my $t = lmtp();
        like($t->cmd($_), qr/^501 5\.5\.4 /, $_);
        is($t->reply, '', 'ends the session');
    }
};

subtest 'DATA' => sub {
    my $data = sub {
        my ($message, $pause) = @_;
        my $s = lmtp();
        $s->cmd('MAIL FROM:<> XDID=' . did());
        $s->cmd("RCPT TO:<$to[0]>");
        $s->cmd("RCPT TO:<$to[1]>");
        like($s->cmd('DATA'), qr/^354 /, 'DATA');
        if ($pause) {
            $s->send($_), select undef, undef, undef, 0.0002
                for split //, $message;
        } else {
            $s->send($message);
        }
        return $s->replies(2);
    };

    my @replies = $data->("Subject: x\r\n\r\n..\r\n...a\r\n.b\r\n.\r\n");
    like($_, $OK, 'stored') for @replies;
    is(original($me, id_of($replies[1])), "Subject: x\r\n\r\n.\r\n..a\r\nb\r\n",
        'dots are unstuffed');

    @replies = $data->("Subject: y\r\n\r\n..\r\n.\r\n", 1);
    is(original($me, id_of($replies[0])), "Subject: y\r\n\r\n.\r\n",
        'byte by byte');

    like((($data->(".\r\n"))[1]), $OK, 'an empty message');

    for ([ 'bare LF', "a\nb\r\n.\r\n" ], [ 'bare CR', "a\rb\r\n.\r\n" ],
        [ 'smuggled end', "a\n.\nb\n.\r\nc\r\n.\r\n" ],
        [ 'NUL', "a\0b\r\n.\r\n" ])
    {
        like($_, qr/^550 5\.6\.11 /, "refused for each") for $data->($_->[1]);
    }

    like($_, qr/^552 5\.3\.4 /, 'too big')
        for $data->(("x" x 70 . "\r\n") x 5000 . ".\r\n");

    my $before = @{ stored($me) };
    my $s = lmtp();
    $s->cmd('MAIL FROM:<>');
    $s->cmd("RCPT TO:<$to[0]>");
    $s->cmd('DATA');
    $s->send("$mail.\r");
    $s->close;
    sleep 0.2;
    is(scalar @{ stored($me) }, $before, 'cut before its end: not stored');
};

subtest 'several recipients' => sub {
    my %before = map { $_ => scalar @{ stored($me, $_) } } qw(one two);
    my $d      = did();
    my @rcpts  = ($to[2], 'gone@junkmail.test', @to[1, 0, 1],
        'gone@elsewhere.test', 'TWO+x@junkmail.test');

    my ($ok, @replies) = lmtp()->deliver("XDID=$d", \@rcpts, $mail);
    like($_, qr/^250 2\.1\.5 /, 'RCPT with a delivery id')
        for @replies[0 .. 6];
    @replies = @replies[7 .. 13];
    like($replies[$_], $OK, "$rcpts[$_]: stored") for 0, 2, 3, 4, 6;
    like($replies[$_], qr/^250 2\.1\.5 /, "$rcpts[$_]: gone") for 1, 5;
    is($replies[4], $replies[2], 'the same mailbox, the same email');
    is($replies[6], $replies[2], 'also with a tag');
    isnt($replies[3], $replies[2], 'another address, another email');
    is(scalar @{ stored($me, $_) }, $before{$_} + 1, "one copy for $_")
        for qw(one two);
    is(scalar @{ stored($other) }, 1, 'one copy for the other account');

    my (undef, @again) = lmtp()->deliver("XDID=$d", \@rcpts, $mail);
    is_deeply([ @again[7 .. 13] ], \@replies,
        'a repeat with the same delivery id answers the same');
    is(scalar @{ stored($me, $_) }, $before{$_} + 1, "still one for $_")
        for qw(one two);
    is(scalar @{ stored($other) }, 1, 'still one for the other account');

    my $summary = $redis->cmd('HGET',
        "jm:{$me->{id}}:mail:" . id_of($replies[2]), 'summary');
    like($summary, qr/"subject":"hello"/, 'the summary has the subject');
    like($summary, qr/"to":"two\@junkmail\.test, TWO\+x\@junkmail\.test"/,
        'and the recipients');
};

subtest 'XRAW' => sub {
    my @replies = lmtp()->deliver('XRAW XDID=' . did(), [ $to[0] ], $mail);
    like($replies[2], $OK, 'stored');
    is(original($me, id_of($replies[2])), $mail, 'the original is there');
};

subtest 'one message a connection' => sub {
    my $s = lmtp();
    $s->deliver('XDID=' . did(), [ $to[0] ], $mail);
    like($s->cmd('NOOP'), qr/^250 /, 'NOOP');
    like($s->cmd('RSET'), qr/^250 /, 'RSET');
    like($s->cmd('MAIL FROM:<>'), qr/^421 4\.3\.2 /, 'another MAIL');
    is($s->reply, '', 'and the end');
};

subtest 'clients that go away' => sub {
    my $before = @{ stored($me, 'kept') };
    my $s      = lmtp();
    $s->send('MAIL FROM:<> XDID=' . did() . "\r\nRCPT TO:<kept\@junkmail.test>"
        . "\r\nBDAT " . length($mail) . " LAST\r\n$mail");
    $s->close;
    ok($jm->eventually(sub { @{ stored($me, 'kept') } == $before + 1 }),
        'after the whole message: stored');

    $s = lmtp();
    $s->send('MAIL FROM:<> XDID=' . did() . "\r\nRCPT TO:<kept\@junkmail.test>"
        . "\r\nBDAT " . length($mail) . " LAST\r\n" . substr $mail, 1);
    $s->close;
    sleep 0.3;
    is(scalar @{ stored($me, 'kept') }, $before + 1, 'before: not stored');

    my $from = time();
    $s = lmtp();
    like($s->reply, qr/^421 4\.4\.2 /, 'silent: 421');
    cmp_ok(time() - $from, '>=', 4.9, 'after 5 s');
    is($s->reply, '', 'and the end');
};


# --- faults -----------------------------------------------------------------

subtest 'a worker is killed in the middle of a message' => sub {
    my $d = did();
    my $s = lmtp();
    $s->cmd("MAIL FROM:<> XDID=$d");
    $s->cmd("RCPT TO:<$to[0]>");
    $s->send('BDAT ' . length($mail) . " LAST\r\n" . substr $mail, 0, 20);

    my @before = $jm->junkmaild_workers;
    kill KILL => @before;
    is($s->reply, '', 'its client sees the end of the connection');
    ok(back(), 'others take over');
    my %before = map { $_ => 1 } @before;
    ok(!grep({ $before{$_} } $jm->junkmaild_workers), 'new processes');

    my @replies = lmtp()->deliver("XDID=$d", [ $to[0] ], $mail);
    my @again   = lmtp()->deliver("XDID=$d", [ $to[0] ], $mail);
    like($replies[2], $OK, 'the repeat is stored');
    is($again[2], $replies[2], 'once');
};

subtest 'Redis is gone' => sub {
    my $s = lmtp();
    $s->cmd('MAIL FROM:<> XDID=' . did());
    $s->cmd("RCPT TO:<$to[0]>");
    $s->cmd("RCPT TO:<$to[2]>");
    my $t = lmtp();
    $redis->kill9;

    $s->send('BDAT ' . length($mail) . " LAST\r\n$mail");
    like($_, qr/^451 4\.3\.0 /, 'in a transaction: 451 for each')
        for $s->replies(2);
    like($s->cmd('QUIT'), qr/^221 /, 'and QUIT is answered');

    $t->cmd('MAIL FROM:<>');
    like($t->cmd("RCPT TO:<$to[0]>"), qr/^451 4\.3\.0 /,
        'without a delivery id: 451 at RCPT');
    $t->close;

    ok($jm->eventually(sub {
        my $new = lmtp(lhlo => 0);
        return $new && $new->{greeting} =~ /^421 4\.3\.0 /;
    }), 'new connections: 421 from the supervisor');
    my $new  = lmtp(lhlo => 0);
    is($new->reply, '', 'and closed');

    $redis->start;
    ok(back(), 'back with Redis');
    like((lmtp()->deliver('XDID=' . did(), [ $to[0] ], $mail))[2], $OK,
        'mail is stored again');
};

subtest 'Redis hangs' => sub {
    my $s = lmtp();
    $s->cmd('MAIL FROM:<> XDID=' . did());
    $s->cmd("RCPT TO:<$to[0]>");
    $redis->pause;
    $s->send('BDAT ' . length($mail) . " LAST\r\n$mail");

    ok($jm->eventually(sub {
        my $new = lmtp(lhlo => 0);
        return $new && $new->{greeting} =~ /^421 4\.3\.0 /;
    }), 'new connections: 421');
    like($s->reply, qr/^451 4\.3\.0 /, 'the message: 451 after 5 s');

    $redis->resume;
    ok(back(), 'back when it answers');
    like((lmtp()->deliver('XDID=' . did(), [ $to[0] ], $mail))[2], $OK,
        'mail is stored again');
};

subtest 'functions are flushed' => sub {
    $redis->cmd('FUNCTION', 'FLUSH');
    ok($jm->eventually(sub {
        my $r = $redis->cmd('FUNCTION', 'LIST');
        return @$r == 1;
    }), 'they are loaded again');
    ok(back(), 'workers serve');
    like((lmtp()->deliver('XDID=' . did(), [ $to[0] ], $mail))[2], $OK,
        'mail is stored again');
};

subtest 'a worker hangs' => sub {
    my $s = lmtp();
    $s->cmd('MAIL FROM:<> XDID=' . did());
    $s->cmd("RCPT TO:<$to[0]>");
    $redis->pause;
    my $from = time();
    $s->send('BDAT ' . length($mail) . " LAST\r\n$mail");
    sleep 1;

    # It waits for Redis, in the middle of its work: now it will never wake.
    my @workers = $jm->junkmaild_workers;
    kill STOP => @workers;
    $redis->resume;
    is($s->reply, '', 'is killed');
    cmp_ok(time() - $from, '>=', 6.9, 'after 7 s');
    kill CONT => @workers;
    ok(back(), 'another takes over');
    like($jm->read('junkmaild.log'), qr/worker \d+ took over 7 s/, 'the log');
};

subtest 'reload' => sub {
    my $s = lmtp();
    $s->cmd('MAIL FROM:<> XDID=' . did());
    $s->cmd("RCPT TO:<$to[0]>");
    my $idle   = lmtp();
    my %before = map { $_ => 1 } $jm->junkmaild_workers;

    $jm->{children} = 3;
    $jm->write_junkmail_conf;
    kill HUP => $jm->{junkmaild_pid};

    like($idle->reply, qr/^421 4\.3\.2 /, 'an idle connection: 421');
    ok($jm->eventually(sub {
        return 5 == grep { !$before{$_} } $jm->junkmaild_workers;
    }), 'new children, as many as configured');
    ok(back(), 'they serve');
    $s->send('BDAT ' . length($mail) . " LAST\r\n$mail");
    like($s->reply, $OK, 'the old one finishes its message');
    $s->cmd('QUIT');
    ok($jm->eventually(sub {
        return !grep { $before{$_} } $jm->junkmaild_workers;
    }), 'and ends');

    $jm->write('junkmail.conf', "workers 0;\n");
    kill HUP => $jm->{junkmaild_pid};
    ok($jm->eventually(sub {
        $jm->read('junkmaild.log') =~ /the old one stays/;
    }), 'a wrong configuration changes nothing');
    ok(back(), 'service goes on');
    $jm->write_junkmail_conf;
};

subtest 'the command line' => sub {
    my $run = sub {
        my $out = qx{$JunkMail::Test::BUILD/junkmaild @_ 2>&1};
        return ($? >> 8, $out);
    };
    my $conf = "-c $jm->{dir}/junkmail.conf";

    my ($rc, $out) = $run->('-V');
    is("$rc $out", "0 junkmaild 0.1.0\n", '-V');
    ($rc, $out) = $run->("$conf -t");
    is($rc, 0, '-t');
    like($out, qr/is fine$/, 'says so');
    ($rc, $out) = $run->('-c /nonexistent -t');
    is($rc, 1, '-t without a file');
    ($rc, $out) = $run->("$conf nonsense");
    is($rc, 2, 'a wrong command');
    like($out, qr/^usage: junkmaild /, 'usage');
    ($rc, $out) = $run->($conf);
    is($rc, 1, 'a second daemon for the same socket');
    like($out, qr/another junkmaild serves this socket/, 'is told why');
    ok(back(), 'and does no harm');
};

subtest 'stop' => sub {
    my $s = lmtp();
    $s->cmd('MAIL FROM:<> XDID=' . did());
    $s->cmd("RCPT TO:<$to[0]>");
    $s->send('BDAT ' . length($mail) . " LAST\r\n" . substr $mail, 0, 20);
    my $idle = lmtp();

    my $pid = $jm->{junkmaild_pid};
    kill TERM => $pid;
    like($idle->reply, qr/^421 4\.3\.2 /, 'an idle connection: 421');
    ok($jm->eventually(sub { !-e $jm->lmtp_socket }), 'no socket any more');
    ok($jm->eventually(sub { !-e "$jm->{dir}/junkmaild.pid" }),
        'no pid file');

    $s->send(substr $mail, 20);
    like($s->reply, $OK, 'the message is finished');
    like($s->cmd('QUIT'), qr/^221 /, 'QUIT');
    is($jm->stop_junkmaild, 0, 'and the daemon ends with 0');
};

my $log = $jm->read('junkmaild.log');
unlike($log, qr/\@|hello|The text/, 'no address and no content in the log');

$jm->done;
done_testing;
