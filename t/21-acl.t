#!/usr/bin/perl

# The ACL users of conf/users.acl.in: each may do its work, and nothing else.
# "Minimal" is meant literally: with any one of its rights taken away, a user
# can no longer do some of its work.

use warnings;
use strict;

use Digest::SHA qw(sha256_hex);
use File::Temp qw(tempdir);
use FindBin;
use Test::More;

use lib "$FindBin::Bin/lib";
use JunkMail::Redis;

my $redis = JunkMail::Redis->new(
    dir     => tempdir(CLEANUP => 1),
    options => ['--appendfsync', 'no'],
);
my $test = $redis->client('test');

my $A   = 'a' x 22;
my $B   = 'b' x 22;
my $K   = "jm:{$A}";
my $H   = sha256_hex('key');
my $due = 'jm:expire:3';

sub id { sprintf '%08x-0000-7000-8000-000000000000', $_[0] }

sub blob { pack('V3', 1, length $_[0], length $_[0]) . $_[0] }

sub mail {
    my ($did, $id, $address) = @_;
    return ('FCALL', 'jm_email_deliver', 1, $K, sprintf('%032x', $did), '1.0', 10, 1,
        4, blob('b'), blob('h'), 1, "1\nimage/png\ninline\n1", 1, $id,
        $address, 's', '"subject":"s"', blob('d'));
}

sub f  { ('FCALL',    shift, 1, @_) }
sub ro { ('FCALL_RO', shift, 1, @_) }

sub address {
    my ($id, $alias, $seconds) = @_;
    return (
        [f('jm_address_create', $K, $H, $id, "$alias\@x.test", $alias,
            $seconds)],
        [f('jm_route_claim', "jm:route:{$alias\@x.test}", $A, $id,
            sha256_hex($A))],
        [f('jm_address_confirm', $K, $id)],
    );
}

# What each user's work begins from.
my @start = (
    ['FLUSHALL'],
    ['HSET', 'jm:domain:{x.test}', 'state', 'active'],
    ['ZADD', 'jm:domains', 1, 'x.test'],
    [f('jm_account_create', $K, $H, id(1))],
    address(id(10), 'forever', 0),
    address(id(11), 'aging', 3600),
    address(id(12), 'dead', 0),
    address(id(13), 'full', 0),
    [f('jm_address_delete', $K, $H, id(12))],
    (map {
        (['SET', "$K:raw:" . id(100 + $_), 'raw!'],
            ['SET', "$K:att:" . id(100 + $_) . ':1', 'A'],
            [mail($_, id(100 + $_), id(10))])
    } 1 .. 3),
    ['SET', "$K:raw:" . id(110), 'raw!'],
    ['SET', "$K:att:" . id(110) . ':1', 'A'],
    [mail(4, id(110), id(13))],
    [f('jm_address_delete', $K, $H, id(13))],
    [f('jm_address_create', $K, $H, id(14), 'half@x.test', 'half', 0)],
    [f('jm_address_create', $K, $H, id(15), 'drop@x.test', 'drop', 0)],
    [f('jm_account_create', "jm:{$B}", $H, id(2))],
    [f('jm_account_delete', "jm:{$B}", $H)],
    ['ZADD', $due, 5, "account:$A", 5, "account:$B"],
);

# What each user has to do.
my %work = (
    edge => [
        ['PING'],
        ['FCALL_RO', 'jm_health', 0],
        [f('jm_account_create', 'jm:{' . 'c' x 22 . '}', $H, id(3))],
        [ro('jm_account_get', $K, $H)],
        [f('jm_account_seen', $K, $H)],
        [ro('jm_key_list', $K, $H)],
        [f('jm_key_create', $K, $H, sha256_hex('new'), id(5), 'new',
            'emails:read', 60)],
        [f('jm_key_delete', $K, $H, id(5))],
        address(id(20), 'new', 0),
        ['FCALL', 'jm_due_add', 1, $due, "address:$A:" . id(20), 1],
        [f('jm_address_drop', $K, id(14))],
        [ro('jm_address_list', $K, $H, '', 9, 0)],
        [ro('jm_address_get', $K, $H, id(10))],
        [f('jm_address_update', $K, $H, id(11), 1, 7200)],
        ['HMGET', 'jm:route:{new@x.test}', 'account', 'id', 'owner'],
        [ro('jm_domain_route', 'jm:domain:{x.test}', 'new')],
        [ro('jm_alias_check', 'jm:domain:{x.test}', 'new', $A)],
        ['ZRANGE', 'jm:domains', 0, -1],
        [ro('jm_rcpt_check', $K, id(10))],
        [ro('jm_email_list', $K, $H, '', 'inbox', 9, 0, '', 1, '')],
        [ro('jm_email_list', $K, $H, '', 'inbox', 9, 0, '', 1, 's')],
        [ro('jm_email_after', $K, $H, id(10), id(1))],
        [ro('jm_email_get', $K, $H, id(101))],
        (map { [ro('jm_email_part', $K, $H, id(101), $_, 1, 0, 9)] }
            qw(html raw att)),
        ['GETRANGE', "$K:raw:" . id(101), 0, 1],
        [f('jm_view_create', $K, $H, id(101), $H)],
        [ro('jm_view_part', $K, $H, 'att', 1, 0, 9)],
        [f('jm_email_update', $K, $H, 1, 1, '', id(101))],
        [f('jm_email_update', $K, $H, 0, 0, '', id(101))],
        [f('jm_email_update_all', $K, $H, 1, 1, '', id(10), '')],
        [f('jm_email_delete', $K, $H, id(101), 0)],
        [f('jm_email_delete', $K, $H, id(101), 1)],
        [ro('jm_log_open', $K, $H, '1-1', id(10))],
        [ro('jm_log_check', $K, '1-1', $H)],
        ['XRANGE', "$K:log", '(0-1', '+', 'COUNT', 100],
        ['SUBSCRIBE', "$K:wake"],
        ['UNSUBSCRIBE', "$K:wake"],
        sub { $test->cmd('XTRIM', "$K:log", 'MAXLEN', 0); () },
        [ro('jm_log_open', $K, $H, '')],
        [f('jm_address_delete', $K, $H, id(10))],
        [f('jm_account_delete', $K, $H)],
    ],
    backend => [
        ['PING'],
        ['FCALL_RO', 'jm_health', 0],
        [ro('jm_domain_route', 'jm:domain:{x.test}', 'aging')],
        ['HMGET', 'jm:route:{aging@x.test}', 'account', 'id', 'owner'],
        [ro('jm_rcpt_check', $K, id(10))],
        ['SET', "$K:raw:" . id(200), 'ra', 'PX', 600000],
        ['APPEND', "$K:raw:" . id(200), 'w!'],
        ['SET', "$K:att:" . id(200) . ':1', 'A', 'PX', 600000],
        [mail(20, id(200), id(10))],
        [mail(20, id(200), id(10))],
        ['SET', "$K:raw:" . id(201), 'raw!', 'PX', 600000],
        ['SET', "$K:att:" . id(201) . ':1', 'A', 'PX', 600000],
        [mail(21, id(201), id(11))],
        ['ZSCAN', $due, 0],
        [ro('jm_email_stale', $K, '2.0', '', 500)],
        [ro('jm_email_original', $K, id(200))],
        ['GETRANGE', "$K:raw:" . id(200), 0, 9],
        ['SET', "$K:att:" . id(203) . ':1', 'A', 'PX', 600000],
        [f('jm_email_reclean', $K, id(200), '0' x 32, '2.0', 10, 1, 0,
            blob('b'), blob('h'), 1, "1\nimage/png\ninline\n1", 1, id(203),
            id(10), 's', '"subject":"s"', blob('d'))],
        ['UNLINK', "$K:raw:" . id(202)],
        ['ZRANGEBYSCORE', $due, '-inf', 9, 'WITHSCORES', 'LIMIT', 0, 64],
        ['SET', 'jm:lock:3', 1, 'NX', 'PX', 30000],
        ['DEL', 'jm:lock:3'],
        ['ZREM', $due, 'junk'],
        [f('jm_address_due', $K, id(12))],
        [f('jm_address_purge', $K, id(13), 500)],
        [f('jm_route_release', 'jm:route:{full@x.test}', $A, id(13),
            sha256_hex($A), 1)],
        [f('jm_address_forget', $K, id(13))],
        [f('jm_address_drop', $K, id(15))],
        [f('jm_address_renew', $K, id(11), 500)],
        sub { $test->cmd('HSET', "$K:addr:" . id(11), 'expires', 5); () },
        [f('jm_address_due', $K, id(11))],
        ['ZRANGE', "$K:addrs", 0, 63],
        [f('jm_account_due', $K, 7, 30, 500)],
        [f('jm_account_purge', "jm:{$B}")],
        [f('jm_due_done', $due, "account:$A", 5, 6)],
        [f('jm_due_done', $due, "account:$B", 5, '')],
    ],
    loader => [
        ['PING'],
        ['FCALL_RO', 'jm_health', 0],
        ['FUNCTION', 'LIST', 'LIBRARYNAME', 'junkmail_1', 'WITHCODE'],
        sub { ['FUNCTION', 'LOAD', 'REPLACE', JunkMail::Redis::library()] },
    ],
    admin => [
        ['PING'],
        ['FCALL_RO', 'jm_health', 0],
        [f('jm_due_add', $due, 'account:' . 'd' x 22, 1)],
        [f('jm_account_create', 'jm:{' . 'd' x 22 . '}', $H, id(4))],
        ['ZRANGE', $due, 0, -1],
        [ro('jm_operator_account_get', $K)],
        [f('jm_operator_account_update', $K, 1000, '', '', '', '')],
        [f('jm_operator_key_create', $K, sha256_hex('new'), id(6), 'new',
            'emails:read', 60)],
        [ro('jm_operator_key_list', $K)],
        [f('jm_operator_key_delete', $K, id(6))],
        [f('jm_operator_account_delete', 'jm:{' . 'd' x 22 . '}')],
        ['HMGET', $K, 'state'],
        ['HSET', 'jm:domain:{y.test}', 'policy', 'closed', 'state', 'active'],
        ['ZADD', 'jm:domains', 'NX', 1, 'y.test'],
        ['ZRANGE', 'jm:domains', 0, -1],
        ['HMGET', 'jm:domain:{y.test}', 'policy'],
        [f('jm_address_hold', $K, id(30), 'abuse@y.test', 'abuse')],
        [f('jm_address_unhold', $K, id(30))],
        ['DEL',  'jm:domain:{y.test}'],
        ['ZREM', 'jm:domains', 'y.test'],
        ['SLOWLOG', 'GET', 1],
    ],
);

# What none of them may do.
my @forbidden = (
    ['KEYS', '*'], ['SCAN', 0], ['RANDOMKEY'], ['DBSIZE'], ['FLUSHALL'],
    ['FLUSHDB'], ['CONFIG', 'GET', 'dir'], ['CONFIG', 'SET', 'dir', '/tmp'],
    ['ACL', 'LIST'], ['ACL', 'WHOAMI'], ['SHUTDOWN'], ['EVAL', 'return 1', 0],
    ['SCRIPT', 'FLUSH'], ['MODULE', 'LIST'], ['CLIENT', 'LIST'],
    ['CLIENT', 'KILL', 'TYPE', 'normal'], ['MONITOR'], ['DEBUG', 'SLEEP', 0],
    ['FUNCTION', 'FLUSH'], ['FUNCTION', 'DELETE', 'junkmail_1'],
    ['FUNCTION', 'DUMP'], ['SAVE'], ['BGREWRITEAOF'], ['INFO', 'server'],
    ['REPLICAOF', 'NO', 'ONE'], ['SWAPDB', 0, 1], ['SELECT', 1],
    ['DUMP', $K], ['RENAME', 'other', "$K:x"], ['GET', 'other'],
    ['SET', 'other', 1], ['PUBLISH', 'other', 1], ['SUBSCRIBE', 'other'],
    ['PSUBSCRIBE', '*'], ['MULTI'], ['XREAD', 'STREAMS', "$K:log", 0],
);

# What some of them may not.
my %forbidden = (
    edge => [
        [mail(30, id(300), id(10))],
        ['RENAME', $K, "$K:x"],
        ['FUNCTION', 'LIST'],
        ['FUNCTION', 'LOAD', 'x'],
        [f('jm_address_hold', $K, id(30), 'a@x.test', 'a')],
        (map { [f($_, $K, id(10))] }
            qw(jm_address_due jm_address_forget jm_account_purge)),
        ['HSET', 'jm:domain:{x.test}', 'state', 'x'],
        ['ZREM', 'jm:domains', 'x.test'],
        ['SET', 'jm:lock:3', 1],
    ],
    backend => [
        ['FUNCTION', 'LIST'],
        ['FUNCTION', 'LOAD', 'x'],
        [f('jm_account_create', 'jm:{' . 'c' x 22 . '}', $H, id(3))],
        [ro('jm_email_get', $K, $H, id(101))],
        ['HSET', 'jm:domain:{x.test}', 'state', 'x'],
        ['ZRANGE', 'jm:domains', 0, -1],
        ['SUBSCRIBE', "$K:wake"],
    ],
    loader => [
        ['GET', $K], ['HMGET', $K, 'state'], [ro('jm_rcpt_check', $K, id(10))],
        ['PUBLISH', "$K:wake", 1],
    ],
    admin => [
        ['FUNCTION', 'LIST'],
        ['FUNCTION', 'LOAD', 'x'],
        [ro('jm_email_get', $K, $H, id(101))],
        [f('jm_account_delete', $K, $H)],
        [mail(30, id(300), id(10))],
        ['GETRANGE', "$K:raw:" . id(101), 0, 1],
        ['SUBSCRIBE', "$K:wake"],
    ],
);

# The user's rights, a list of words.
sub rules_of {
    my ($user) = @_;

    open my $fh, '<', "$FindBin::Bin/../conf/users.acl.in" or die;
    my ($line) = grep { /^user \Q$user\E / } <$fh>;
    my (undef, undef, @rules) = split ' ', $line;
    my $hash = '#' . sha256_hex($redis->password($user));

    return map { /^\@/ ? $hash : $_ } @rules;
}

sub connect_as {
    my ($user) = @_;
    return JunkMail::Redis::Client->new($redis->socket, $user,
        $redis->password($user));
}

sub is_denied {
    my ($reply) = @_;
    return ref $reply
        && "$reply" =~ /NOPERM|can't run|can't access|not allowed/;
}

# Does the user's work on a fresh keyspace; what is not answered properly.
sub failures {
    my ($user) = @_;

    my $client = connect_as($user);

    for my $command (@start) {
        my $r = $test->cmd(@$command);
        die "@$command: $r" if ref $r && "$r" =~ /^ERR/;
    }

    my @failed;

    for my $step (@{ $work{$user} }) {
        my @command = map { @$_ } ref $step eq 'CODE' ? $step->() : $step;
        next if !@command;
        my $r = $client->cmd(@command);
        push @failed, substr(join(' ', @command), 0, 60) . ": $r"
            if ref $r && "$r" =~ /^(ERR|NOPERM|WRONGTYPE)/;
    }

    return @failed;
}


for my $user (sort keys %work) {
    my @rules = rules_of($user);

    subtest $user => sub {
        is_deeply([failures($user)], [], 'can do its work');

        for my $command (@forbidden, @{ $forbidden{$user} }) {
            ok(is_denied(connect_as($user)->cmd(@$command)),
                'not ' . substr join(' ', @$command[0 .. ($#$command > 1 ? 2
                    : $#$command)]), 0, 60);
        }

        for my $right (grep { /^[+~&%]/ } @rules) {
            $test->cmd('ACL', 'SETUSER', $user, grep { $_ ne $right } @rules);
            ok(scalar(failures($user)), "needs $right");
        }

        $test->cmd('ACL', 'SETUSER', $user, @rules);
        is_deeply([failures($user)], [], 'can do its work again');
    };
}

my $nobody = IO::Socket::UNIX->new(Peer => $redis->socket);
print {$nobody} "PING\r\n";
like(scalar(readline $nobody), qr/^-NOAUTH/, 'nobody without a name');

done_testing();
