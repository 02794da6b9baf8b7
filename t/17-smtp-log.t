# junkmail_log: a line for each transaction, however it ends; formats, privacy,
# what hostile octets become, USR1, and the counters.

use strict;
use warnings;

use lib 't/lib';
use JunkMail::Idle;
use JunkMail::LMTP;
use JunkMail::Test;
use Test::More;
use Time::HiRes qw(sleep);

my %port = map { $_ => JunkMail::Test->free_port } qw(full none format off);

sub server
{
    my ($name, $lines) = @_;

    return "server { listen 127.0.0.1:$port{$name}; junkmail_smtp; $lines }";
}

my $jm = JunkMail::Test->new(
    junkmaild => 0,
    http      => 'location = /metrics { junkmail_metrics; }',
    streams   => 'junkmail_hostname mx.junkmail.test;'
        . 'junkmail_backend unix:@DIR@/lmtp.sock;'
        . 'junkmail_spool_path @DIR@/spool;'
        . 'junkmail_log @DIR@/transactions.log;'
        . server('full', 'junkmail_log_addresses full;')
        . server('none', 'junkmail_log_addresses none;')
        . server('off', 'junkmail_log off;')
        . server('format', 'junkmail_log @DIR@/format.log '
            . '"${junkmail_helo}|$junkmail_message_reply|" '
            . '"$bytes_received|$connection|$time_local $remote_port";'),
    stream    => 'junkmail_message_size 10k; junkmail_timeout 2s;',
);
my $lmtp = JunkMail::LMTP->new(path => $jm->lmtp_socket, plan => [
    { delay => 0.2 },
    { message => '452 4.2.2 full up' },
    { message => "554 5.6.0 bad \"mail\" \xff\x1b[2J" },
    {},
]);

my $redis = $jm->{redis};
$redis->cmd('HSET', 'jm:domain:{junkmail.test}', policy => 'closed',
    state => 'active');
$redis->cmd('ZADD', 'jm:domains', 1, 'junkmail.test');

my $to = $jm->address($jm->account, alias => 'someone')->{address};

my $seen = 0;

# The line that has come since the last call, once it is there.
sub line
{
    my ($file) = @_;

    my @lines;
    $jm->eventually(sub {
        @lines = split /^/, $jm->read($file // 'transactions.log');
        return @lines > ($file ? 0 : $seen) && $lines[-1] =~ /\n\z/;
    });
    $seen = @lines unless $file;
    return $lines[-1] // '';
}

sub session
{
    my ($name) = @_;

    my $s = $name ? JunkMail::SMTP->new(port => $port{$name}) : $jm->smtp;
    $s->cmd('EHLO client.example');
    return $s;
}

my $time = qr/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d/;
my $id   = qr/[0-9a-f]{32}/;

subtest 'what became of a message' => sub {
    my $s = session();
    $s->cmd('MAIL FROM:<jane.doe@b.example>');
    $s->cmd("RCPT TO:<$to>") for 1 .. 2;
    $s->cmd('RCPT TO:<nobody@junkmail.test>');
    $s->cmd('DATA');
    $s->send("Subject: secret\r\n\r\nsecret\r\n.\r\n");
    my ($stored) = $s->reply =~ /^250 2\.0\.0 Stored as ($id)/;

    like(line(), qr/^$time $stored 127\.0\.0\.1 tls=- from="\@b\.example" rcpt=2 refused=1 size=27 reply="250 2\.0\.0 Stored as $stored" handoff=0\.[2-9]\d\d\n\z/,
         'stored');

    for my $code (452, 554) {
        $s->cmd($_) for 'MAIL FROM:<>', "RCPT TO:<$to>", 'DATA';
        $s->send("x\r\n.\r\n");
        like($s->reply, qr/^$code/, "a $code");
        my $line = line();
        like($line, qr/from="<>" rcpt=1 refused=0 size=3 reply="$code \d\.\d\.\d" handoff=\d+\.\d{3}\n\z/,
             "a $code in the log");
        unlike($line, qr/[^ -~\n]/, 'in plain characters');
    }

    $s->cmd($_) for 'MAIL FROM:<>', "RCPT TO:<$to>", 'DATA';
    $s->send("bare\ncr\r\n.\r\n");
    $s->reply;
    like(line(), qr/reply="550 5\.6\.11 [^"]*" handoff=-\n\z/,
         'refused by ourselves');

    $s->starttls;
    $s->cmd($_) for 'EHLO x', 'MAIL FROM:<a@b.example>', "RCPT TO:<$to>";
    $s->cmd('RSET');
    like(line(), qr/ tls=TLSv1\.[23] .* size=0 reply="250 2\.0\.0 Reset OK"/,
         'given up, under TLS');

    unlike($jm->read('transactions.log'), qr/secret|jane|doe|someone/,
           'no content, no local part');
};

subtest 'ends without a reply to the message' => sub {
    my $s = session();
    $s->cmd($_) for 'MAIL FROM:<a@b.example>', "RCPT TO:<$to>", 'DATA';
    $s->send("Subject: x\r\n");
    $s->close;
    like(line(), qr/size=\d+ reply="354 [^"]*" handoff=-\n\z/,
         'the client left');

    $s = session();
    $s->cmd('MAIL FROM:<a@b.example>');
    $s->cmd('QUIT');
    like(line(), qr/rcpt=0 refused=0 size=0 reply="221 /, 'QUIT');

    $s = session();
    $s->cmd('MAIL FROM:<a@b.example>');
    like($s->reply, qr/^421/, 'too long a silence');
    like(line(), qr/reply="421 4\.4\.2 Timed out/, 'in the log');

    # Without a transaction there is no line.
    $s = session();
    $s->cmd('NOOP');
    $s->cmd('QUIT');
    $s->eof;
    sleep 0.2;
    is(scalar(split /^/, $jm->read('transactions.log')), $seen, 'no more');
};

subtest 'addresses' => sub {
    for (['full', 'a@b.example'], ['none', '-']) {
        my ($name, $expected) = @$_;
        my $s = session($name);
        $s->cmd('MAIL FROM:<a@b.example>');
        $s->cmd('RSET');
        like(line(), qr/ from="\Q$expected\E" /, $name);
    }

    my $s = session('full');
    $s->cmd('MAIL FROM:<"a\\"b c"@b.example>');
    $s->cmd('RSET');
    like(line(), qr/ from="\\x22a\\x5C\\x22b c\\x22\@b\.example" /,
         'a quoted local part ends no field');

    $s->cmd("MAIL FROM:<gr\xc3\xbc\xc3\x9fe\@b.example> SMTPUTF8");
    $s->cmd('RSET');
    like(line(), qr/ from="gr\xc3\xbc\xc3\x9fe\@b\.example" /, 'UTF-8 is kept');

    # The longest path and the longest name still make a short line.
    $s->cmd('MAIL FROM:<"' . '\\"' x 31 . '"@' . join('.', ('x' x 60) x 3)
            . '.example>');
    $s->cmd('RSET');
    cmp_ok(length line(), '<=', 1024, 'a line of at most 1 KiB');
};

subtest 'format, off' => sub {
    my $s = session('off');
    $s->cmd('MAIL FROM:<>');
    $s->cmd('RSET');
    is(scalar(split /^/, $jm->read('transactions.log')), $seen, 'off');

    $s = session('format');
    $s->cmd('EHLO bad"name');
    $s->cmd('MAIL FROM:<>');
    $s->cmd('RSET');
    like(line('format.log'),
         qr{^bad\?name\|250 2\.0\.0 Reset OK\|\d+\|\d+\|\d\d/\w{3}/\d{4}:[\d:]+ [+-]\d{4} \d+$},
         'a format of its own');

    $s->cmd('EHLO ' . 'x' x 256);
    for (1 .. 2) {
        $s->cmd('MAIL FROM:<>');
        $s->cmd('RSET');
    }
    my @lines;
    ok($jm->eventually(sub {
           3 == (@lines = split /\n/, $jm->read('format.log')) }), 'three');
    my ($c) = $lines[0] =~ /\|\d+\|(\d+)\|/;
    is(scalar(grep { /\|$c\|/ } @lines), 3, 'variables stay what they are');

    my $conf = $jm->read('nginx.conf');
    for my $bad ('junkmail_log @/x "$";', 'junkmail_log @/x "${a";',
                 'junkmail_log @/x $no_such_variable;',
                 'junkmail_log off "x";', 'junkmail_log_addresses some;',
                 'junkmail_tarpit x;', 'junkmail_data_rate 500 x;',
                 'junkmail_connection_rate 5;')
    {
        (my $line = $bad) =~ s/\@/$jm->{dir}/;
        (my $wrong = $conf) =~ s/(junkmail_log \S+transactions.log;)/server { listen 127.0.0.1:1; junkmail_smtp; $line }/;
        $jm->write('wrong.conf', $wrong);
        my %env;
        local $ENV{LD_PRELOAD} = `gcc -print-file-name=libasan.so` =~ s/\n//r
            if $JunkMail::Test::SAN;
        my $out = `nginx -t -e $jm->{dir}/wrong.out -p $jm->{dir} -c $jm->{dir}/wrong.conf 2>&1`;
        like($out, qr/\[emerg\]/, "refused: $bad");
    }
    unlink "$jm->{dir}/wrong.out";
};

subtest 'USR1' => sub {
    rename "$jm->{dir}/transactions.log", "$jm->{dir}/transactions.old";
    kill USR1 => $jm->{nginx_pid};
    ok($jm->eventually(sub { -e "$jm->{dir}/transactions.log" }), 'a new file');

    # The workers come to it a moment after the master.
    ok($jm->eventually(sub {
           my $s = session();
           $s->cmd('MAIL FROM:<>');
           $s->cmd('QUIT');
           $s->eof;
           sleep 0.1;
           return $jm->read('transactions.log') =~ /reply="221/;
       }), 'takes the lines');
};

subtest 'memory' => sub {
    plan skip_all => 'ASan keeps what is freed' if $JunkMail::Test::SAN;

    my ($worker) = $jm->nginx_workers;
    # Every line asks for variables anew, all in one session.
    my $s = session();
    my $run = sub {
        for (1 .. $_[0]) {
            $s->send("MAIL FROM:<>\r\nRCPT TO:<$to>\r\n"
                     . "BDAT 3 LAST\r\nx\r\n");
            $s->reply for 1 .. 3;
        }
    };
    $run->(50);
    my $before = JunkMail::Idle::memory($worker);
    $run->(300);
    my $grown = JunkMail::Idle::memory($worker) - $before;
    cmp_ok($grown, '<', 128 * 1024, "300 messages more: $grown");
    like($s->cmd('QUIT'), qr/^221/, 'the session was whole');
};

subtest 'counters' => sub {
    my $text = $jm->http(GET => '/metrics')->{body};
    my %count = $text =~ /^junkmail_(\S+) (\d+)$/mg;
    my $stored = $JunkMail::Test::SAN ? 1 : 351;
    is($count{'handoffs_total{class="2"}'}, $stored, 'stored');
    is($count{'handoffs_total{class="4"}'}, 1, 'put off');
    is($count{'handoffs_total{class="5"}'}, 1, 'refused');
    is($count{smtp_messages_total}, $stored, 'messages');
    is($count{'smtp_replies_total{class="3"}'}, 5, '354s');
    cmp_ok($count{$_}, '>', 0, $_)
        for qw(smtp_connections_total smtp_transactions_total
               smtp_replies_total{class="2"} smtp_replies_total{class="4"}
               smtp_replies_total{class="5"}
               smtp_ended_total{reason="timeout"});
    is($count{'smtp_refused_total{reason="rate"}'}, 0, 'none refused');
};

$lmtp->stop;
$jm->done;
done_testing;
