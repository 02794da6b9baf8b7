# The hand-off: what is said to which server, the combined answer, retries with
# the same delivery id, XRAW only after two losses of a whole message, and
# sessions that end meanwhile.  The servers are fakes that fail on purpose;
# those that are silent have t/12-lmtp-silence.t.

use strict;
use warnings;

use lib 't/lib';
use JunkMail::LMTP;
use JunkMail::Test;
use Test::More;

my $jm = JunkMail::Test->new(
    junkmaild => 0,
    stream    => 'junkmail_spool_memory 8k; junkmail_errors 100;',
);
my $path = $jm->lmtp_socket;

my $redis = $jm->{redis};
$redis->cmd('HSET', 'jm:domain:{junkmail.test}', policy => 'closed',
    state => 'active');
$redis->cmd('ZADD', 'jm:domains', 1, 'junkmail.test');

my $me = $jm->account;
my @to = map { $jm->address($me, alias => $_)->{address} } qw(one two three);

my $body = "Subject: x\r\n\r\n.dot\r\n..\r\nend\r\n";

# Sends one message to a server with this plan; the reply and what was seen.
sub handoff
{
    my ($plan, %opt) = @_;

    my $lmtp = $plan ? JunkMail::LMTP->new(path => $path, plan => $plan) : undef;
    my $text = $opt{body} // $body;
    (my $wire = $text) =~ s/^\./../mg;

    my $s = $jm->smtp;
    $s->cmd('EHLO client.example');
    $s->cmd('MAIL FROM:<sender@b.example>');
    $s->cmd("RCPT TO:<$_>") for @{ $opt{to} // [$to[0]] };
    $s->cmd('DATA');
    $s->send("$wire.\r\n");
    my $reply = $s->reply;
    like($s->cmd('NOOP'), qr/^250/, 'the session goes on');
    my @seen = $lmtp ? $lmtp->seen($opt{connections} // 1) : ();
    $lmtp->stop if $lmtp;
    return ($reply, @seen);
}

# The message as handed over, without the trace header.
sub message
{
    my ($seen) = @_;

    (my $m = $seen->{message}) =~ s/\A.*?\r\n(?=Subject:)//s;
    return $m;
}

sub xdid
{
    my ($seen) = @_;

    return ($seen->{mail} // '') =~ / XDID=([0-9a-f]{32})\b/ ? $1 : '';
}

subtest 'junkmaild\'s dialect' => sub {
    my ($reply, $seen) = handoff([{}]);
    like($reply, qr/^250 2\.0\.0 Stored as ([0-9a-f]{32})\r\n/, 'stored');
    my ($id) = $reply =~ /as (\w+)/;
    is($seen->{lhlo}, 'LHLO mx.junkmail.test', 'LHLO');
    is($seen->{mail}, "MAIL FROM:<sender\@b.example> BODY=8BITMIME XDID=$id",
       'MAIL');
    is_deeply($seen->{rcpt}, ["RCPT TO:<$to[0]>"], 'RCPT');
    is($seen->{bdat}, length $seen->{message}, 'BDAT');
    is(message($seen), $body, 'the message');
    is($seen->{end}, 'quit', 'QUIT');
};

subtest 'a plain server' => sub {
    for my $caps ([], ['PIPELINING'], ['PIPELINING', '8BITMIME', 'SIZE 99999'],
        ['PIPELINING', 'CHUNKING'], ['CHUNKING', 'XDID'])
    {
        my $name = "announcing @$caps";
        my ($reply, $seen) =
            handoff([{ caps => $caps }], to => [@to[0, 1]]);
        like($reply, qr/^250/, "$name: stored");
        ok(!$seen->{bdat}, "$name: DATA");
        ok(!$seen->{early}, "$name: no body before 354");
        is(message($seen), $body, "$name: dots stuffed");
        is(scalar @{ $seen->{rcpt} }, 2, "$name: both recipients");
        my %said = map { $_ => 1 } @$caps;
        is($seen->{mail} =~ /BODY=8BITMIME/ ? 1 : 0, $said{'8BITMIME'} // 0,
           "$name: BODY");
        is(xdid($seen) ne '' ? 1 : 0, $said{XDID} // 0, "$name: XDID");
        is($seen->{mail} =~ / SIZE=(\d+)/ ? $1 : 0,
           $said{'SIZE 99999'} ? length $seen->{message} : 0, "$name: SIZE");
    }
};

subtest 'large messages' => sub {
    my $big = "Subject: big\r\n\r\n" . (".line\r\n" . 'x' x 90 . "\r\n") x 60_000;
    for my $caps (\@JunkMail::LMTP::JUNKMAILD, ['PIPELINING']) {
        my ($reply, $seen) =
            handoff([{ caps => $caps }], body => $big);
        like($reply, qr/^250/, 'stored');
        ok(message($seen) eq $big, length($big) . ' octets intact');
    }
};

subtest 'an answer is an answer' => sub {
    my @cases = (
        [{ message => '451 4.3.0 not now' },      '451 4\.3\.0 not now'],
        [{ message => '452 4.3.1 memory full' },  '452 4\.3\.1 memory full'],
        [{ message => '552 5.3.4 too big' },      '552 5\.3\.4 too big'],
        [{ message => '450 no enhanced code' },   '450 4\.0\.0 no enhanced'],
        [{ message => "451-4.3.0 a\r\n451 4.3.0 b" }, '451 4\.3\.0 b'],
        [{ message => "554 5.6.0 b\xc3\xa9d" },   '554 5\.6\.0 b\?\?d'],
        [{ mail    => '451 4.3.0 away' },         '451 4\.3\.0 away'],
        [{ mail    => '550 5.7.1 never' },        '550 5\.7\.1 never'],
        [{ rcpt    => '450 4.2.1 busy' },         '450 4\.2\.1 busy'],
        [{ rcpt    => '550 5.1.1 unknown' },      '550 5\.1\.1 unknown'],
        [{ greeting => '421 4.3.2 no store' },    '451 4\.3\.0'],
        [{ greeting => '554 5.3.2 go away' },     '451 4\.3\.0'],
        [{ lhlo => '500 5.5.1 what', caps => [] }, '451 4\.3\.0'],
    );
    for my $case (@cases) {
        my ($plan, $expected) = @$case;
        my $name = join ' ', %$plan;
        my ($reply, @seen) = handoff([$plan]);
        like($reply, qr/^$expected/, $name);
        is(scalar @seen, 1, 'not repeated');
    }

    my ($reply, @seen) = handoff([{ rcpt => '421 4.3.2 closing' }],
                                        connections => 3);
    like($reply, qr/^451 4\.3\.0/, '421 ends its session, not ours');
    is(scalar @seen, 3, 'and is none: repeated');

    ($reply, @seen) = handoff([{ message => '421 x', caps => [] }]);
    like($reply, qr/^451 4\.3\.0/, '421 of a plain server to the message');
    is(scalar @seen, 1, 'which is not repeated');

    ($reply) = handoff([{ rcpt => "250 2.1.5 OK\r\n250 2.0.0 stored" }],
                       body => $body . "x\r\n" x 1_000_000);
    like($reply, qr/^451 4\.3\.0/, 'who stores what was not sent lies');

    ($reply) = handoff([{ data => '451 4.3.0 no', caps => [] }]);
    like($reply, qr/^451 4\.3\.0 no/, 'DATA refused');
};

subtest 'one reply of many' => sub {
    my $ok = '250 2.0.0 stored';
    my @cases = (
        [[$ok, $ok, $ok],                                   '250 2\.0\.0'],
        [[$ok, '451 4.3.0 b', $ok],                         '451 4\.3\.0 b'],
        [['451 4.3.0 a', '452 4.3.1 b', '451 4.3.0 c'],     '452 4\.3\.1 b'],
        [['550 5.1.1 a', '451 4.3.0 b', $ok],               '451 4\.3\.0 b'],
        [['550 5.1.1 a', '550 5.2.1 b', '550 5.1.1 c'],     '550 5\.1\.1 a'],
        [['550 5.1.1 a', $ok, $ok],                         '550 5\.1\.1 a'],
    );
    for my $case (@cases) {
        my ($replies, $expected) = @$case;
        my ($reply) = handoff([{ message => [@$replies] }], to => \@to);
        like($reply, qr/^$expected/, "@$replies");
    }

    # A refused recipient gets no reply after the message (RFC 2033, 4.2).
    my $put_off = { rcpt => [$ok, '450 4.2.1 b', $ok] };
    my ($reply, @seen) = handoff([$put_off], to => \@to,
        connections => 3);
    like($reply, qr/^450 4\.2\.1 b/, 'one recipient put off');
    is(scalar @seen, 3, 'tried again');
    is($_->{replies}, 2, 'the others were served') for @seen;

    ($reply, @seen) = handoff([{ rcpt => [$ok, '550 5.1.1 b', $ok] }],
        to => \@to);
    like($reply, qr/^550 5\.1\.1 b/, 'one recipient refused');
    is(scalar @seen, 1, 'that is an answer');

    # Who does not know XDID takes it for all or for nobody.
    for my $caps (['PIPELINING'], []) {
        for my $refusal ('450 4.2.1 b', '550 5.1.1 b') {
            my ($reply, @seen) = handoff(
                [{ rcpt => [$ok, $refusal, $ok], caps => $caps }], to => \@to);
            like($reply, qr/^\Q$refusal/, "@$caps $refusal");
            is(scalar @seen, 1, 'one try');
            is(scalar @{ $seen[0]{rcpt} }, 3, 'all recipients were asked for');
            ok(!$seen[0]{whole}, 'none has it');
        }
    }
};

subtest 'stored for some' => sub {
    my ($ok, $no) = ('250 2.0.0 stored', '451 4.3.0 b');
    my ($reply, @seen) = handoff([{ message => [$ok, $no, $ok] }, {}],
        to => \@to, connections => 2);
    like($reply, qr/^250/, 'the second try stores the rest');
    is_deeply($seen[1]{rcpt}, $seen[0]{rcpt}, 'all recipients again');
    is(xdid($seen[1]), xdid($seen[0]), 'with the same delivery id');

    for my $caps ([], ['PIPELINING'], ['PIPELINING', 'CHUNKING']) {
        ($reply, @seen) = handoff(
            [{ caps => $caps, message => [$ok, $no, $no] },
             { caps => $caps, message => [$no, $ok] },
             { caps => $caps }], to => \@to, connections => 3);
        like($reply, qr/^250/, "@$caps: stored in the end");
        is_deeply([map { $_->{rcpt} } @seen],
            [ [map { "RCPT TO:<$_>" } @to], [map { "RCPT TO:<$_>" } @to[1, 2]],
              ["RCPT TO:<$to[1]>"] ], 'each once');
        is(message($seen[2]), $body, 'the message');
    }

    ($reply, @seen) = handoff(
        [{ caps => [], message => [$ok, $no, '552 5.2.2 c'] },
         { caps => [], message => [$ok, '552 5.2.2 c'] }],
        to => \@to, connections => 2);
    like($reply, qr/^552 5\.2\.2 c/, 'refused for one: the sender is told');
};

subtest 'several servers' => sub {
    my @paths = map { "$jm->{dir}/lmtp$_.sock" } 1 .. 3;
    my $jm2 = JunkMail::Test->new(
        junkmaild => 0,
        redis     => 0,
        backend   => join(' ', map { "unix:$_" } @paths[0, 1])
            . ' 127.0.0.1:' . JunkMail::Test->free_port,
        allow     => qr/connect\(\) to |Redis/,
    );
    # It shares our Redis, which has the addresses.
    $jm2->stop_nginx;
    $jm2->{redis} = $redis;
    $jm2->write('edge.password', $redis->password('edge') . "\n");
    $jm2->write_nginx_conf;
    $jm2->start_nginx;

    my $deliver = sub {
        my ($plans) = @_;
        my @servers = map { $plans->[$_] ? JunkMail::LMTP->new(
            path => $paths[$_], plan => $plans->[$_]) : undef } 0, 1;
        my $reply = $jm2->send_mail($to[0], $body);
        my @seen;
        $jm2->eventually(sub {
            @seen = map { $_ ? [$_->seen] : [] } @servers;
            return grep { @$_ } @seen;
        });
        $_ && $_->stop for @servers;
        return ($reply, @seen);
    };

    my ($reply, $one, $two) = $deliver->([[{}], [{}]]);
    like($reply, qr/^250/, 'stored');
    is(@$one . ' ' . @$two, '1 0', 'by the first');

    ($reply, $one, $two) = $deliver->([undef, [{}]]);
    like($reply, qr/^250/, 'the first is away');
    is(@$two, 1, 'the second has it');

    ($reply, $one, $two) = $deliver->([[{}], [{}]]);
    is(@$one . ' ' . @$two, '0 1', 'the first is tried last for a while');

    ($reply, $one, $two) = $deliver->(
        [[{}], [{ at => 'message', do => 'close' }]]);
    like($reply, qr/^250/, 'the second breaks');

    ($reply, $one, $two) = $deliver->(
        [[{ greeting => '421 4.3.2 no store' }], [{}]]);
    like($reply, qr/^250/, 'a server that cannot serve is not the last word');

    for my $place (qw(mail rcpt message)) {
        for my $closing (0, 1) {
            my @plans = ([{}], [{}]);
            $plans[$closing] = [{ $place => '421 4.3.2 closing' }];
            ($reply) = $deliver->(\@plans);
            like($reply, qr/^250/, "nor is 421, to $place");
        }
    }

    ($reply, $one, $two) = $deliver->(
        [[{ message => '451 4.3.0 no' }], [{ message => '451 4.3.0 no' }]]);
    like($reply, qr/^451 4\.3\.0 no/, 'but a refused message is');
    is(@$one + @$two, 1, 'one try');

    $jm2->{redis} = undef;
    $jm2->done;
};

subtest 'tries' => sub {
    for my $place (qw(greeting lhlo mail rcpt part)) {
        my ($reply, @seen) =
            handoff([{ at => $place, do => 'close' }, {}], connections => 2);
        like($reply, qr/^250/, "closed at $place: stored by the second try");
        is(scalar @seen, 2, 'two connections');
        unlike($seen[1]{mail}, qr/XRAW/, 'no XRAW');
    }

    my ($reply, @seen) =
        handoff([{ at => 'message', do => 'close' }, {}], connections => 2);
    like($reply, qr/^250/, 'closed after the message: second try');
    is(xdid($seen[1]), xdid($seen[0]), 'the same delivery id');
    isnt(xdid($seen[0]), '', 'which is one');
    is($seen[1]{message}, $seen[0]{message}, 'the same octets');
    unlike($seen[1]{mail}, qr/XRAW/, 'no XRAW yet');

    my $close = { at => 'message', do => 'close' };
    ($reply, @seen) = handoff([$close, $close, {}], connections => 3);
    like($reply, qr/^250/, 'closed twice after the message: third try');
    like($seen[2]{mail}, qr/ XDID=\w+ XRAW$/, 'says XRAW');
    is(xdid($seen[2]), xdid($seen[0]), 'with the same id');

    ($reply, @seen) = handoff([$close], connections => 3);
    like($reply, qr/^451 4\.3\.0/, 'thrice: 451');
    is(scalar @seen, 3, 'three tries');

    my $early = { at => 'mail', do => 'close', caps => ['XDID'] };
    ($reply, @seen) = handoff([$close, $early, {}], connections => 3);
    like($reply, qr/^250/, 'one loss before the message was written');
    unlike($seen[2]{mail}, qr/XRAW/, 'does not count for XRAW');

    my $mail = { at => 'mail', do => 'close', caps => [] };
    ($reply, @seen) = handoff([$mail, $mail, { caps => [] }],
        connections => 3);
    like($reply, qr/^250/, 'a server without XDID: third try');
    is($seen[2]{mail}, 'MAIL FROM:<sender@b.example>', 'MAIL as it knows it');

    ($reply, @seen) = handoff([{ %$close, caps => [] }, {}]);
    like($reply, qr/^451 4\.3\.0/, 'that is lost after the whole message');
    is(scalar @seen, 1, 'does not get it twice');

    ($reply, @seen) = handoff([{ message => 'HTTP/1.1 200' }, {}],
        connections => 2);
    like($reply, qr/^250/, 'nonsense is no answer');
};

subtest 'graceful quit' => sub {
    my $lmtp = JunkMail::LMTP->new(path => $path,
        plan => [{ at => 'message', do => 'close' }, {}]);

    my $idle = $jm->smtp;
    $idle->cmd('EHLO idle');

    my $busy = $jm->smtp;
    $busy->cmd($_) for 'EHLO busy', 'MAIL FROM:<>', "RCPT TO:<$to[0]>", 'DATA';
    $busy->send("Subject: x\r\n\r\nhalf\r\n");

    my ($old) = $jm->nginx_workers;
    $jm->reload_nginx;

    like($idle->reply, qr/^421 4\.3\.2/, 'an idle session is told');
    ok($idle->eof, 'and closed');

    $busy->send("other half\r\n.\r\nNOOP\r\n");
    like($busy->reply, qr/^250 2\.0\.0/, 'one in DATA is served to its end');
    like($busy->reply, qr/^421 4\.3\.2/, 'and then told');

    ok($jm->eventually(sub { !kill 0, $old }), 'the old worker has left');
    like($jm->smtp->banner, qr/^220/, 'the new one greets');
};

$jm->{allow} = qr/connect\(\) to unix:.* failed/;
$jm->done;
done_testing;
