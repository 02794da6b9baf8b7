#!/usr/bin/perl

# The function library (backend/store/*.lua) against a real Redis:
# what each function does, and that none of them writes anything when its call
# is malformed or one of its keys is of another type.

use warnings;
use strict;

use Digest::SHA qw(sha256_hex);
use File::Temp qw(tempdir);
use FindBin;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

use lib "$FindBin::Bin/lib";
use JunkMail::Redis;

# What is on disk when is the matter of t/60-kill.t; here it would only be slow.
my $redis = JunkMail::Redis->new(
    dir     => tempdir(CLEANUP => 1),
    options => ['--appendfsync', 'no'],
);
my $client = $redis->client('test');

my $A     = '0123456789abcdefABCDEF';
my $K     = "jm:{$A}";
my $KEY   = sha256_hex('key');
my $OWNER = sha256_hex($A);

# Ids in the order of their number.
sub id { sprintf '%08x-0000-7000-8000-000000000000', $_[0] }

sub cmd { $client->cmd(@_) }

sub fcall {
    my ($name, @args) = @_;
    return $client->cmd('FCALL', $name, 1, @args);
}

# A function of a client's request: with the account and its key.
sub api {
    my ($name, @args) = @_;
    return fcall($name, $K, $KEY, @args);
}

sub blob {
    my ($data, $length) = @_;
    return pack('V3', 1, $length // length $data, length $data) . $data;
}

my @inline = ("3\nimage/png\ninline; filename=\"a.png\"\n1",
    "5\napplication/octet-stream\nattachment; filename=\"b\"\n0");

# A delivery of one mail to each [email id, address id].
sub deliver {
    my ($did, $mails, %d) = @_;

    my @parts = @{ $d{parts} // [] };

    return fcall('jm_email_deliver', $K, sprintf('%032x', $did),
        $d{stamp} // '1.0', $d{size} // 1000, @parts ? 1 : 0, $d{raw} // 0,
        $d{bodies} // blob("bodies"), $d{html} // blob("html"),
        scalar @parts, @parts, scalar @$mails,
        map {
            ($_->[0], $_->[1], $d{search} // 'alice secret word',
                qq("id":"$_->[0]","subject":"Secret"), blob('detail'))
        } @$mails);
}

# Every key with its value and whether it expires.
sub keyspace {
    my @keys = sort @{ cmd('KEYS', '*') };

    $client->send('DUMP', $_), $client->send('PTTL', $_) for @keys;

    return {
        map { ($_ => [$client->reply(), $client->reply()]) } @keys
    };
}

# How to read all of a value, in an order that does not depend on how it came
# to be.
my %value = (
    string => sub { cmd('GET', $_[0]) },
    hash   => sub {
        my %h = @{ cmd('HGETALL', $_[0]) };
        map { $_, $h{$_} } sort keys %h;
    },
    set    => sub { sort @{ cmd('SMEMBERS', $_[0]) } },
    list   => sub { @{ cmd('LRANGE', $_[0], 0, -1) } },
    zset   => sub { @{ cmd('ZRANGE', $_[0], 0, -1, 'WITHSCORES') } },
    stream => sub {
        map { $_->[0], @{ $_->[1] } } @{ cmd('XRANGE', $_[0], '-', '+') };
    },
);

sub digest {
    return sha256_hex(join "\0", map {
        my $type = cmd('TYPE', $_);
        ($_, $type, cmd('PTTL', $_) > 0,
            map { length, $_ } $value{$type}->($_));
    } sort @{ cmd('KEYS', '*') });
}

# How many changes Redis has counted.
sub writes {
    return cmd('INFO', 'persistence') =~ /changes_since_last_save:(\d+)/
        ? $1 : die;
}

sub restore {
    my ($space) = @_;

    cmd('FLUSHALL');
    my @keys = keys %$space;

    $client->send('RESTORE', $_,
        $space->{$_}[1] > 0 ? $space->{$_}[1] : 0, $space->{$_}[0])
        for @keys;
    $client->reply() for @keys;
}

sub new_address {
    my ($id, $alias, $seconds) = @_;

    my $address = "$alias\@x.test";

    is(api('jm_address_create', $id, $address, $alias, $seconds)->[0], 'OK',
        "$alias created");
    is(fcall('jm_route_claim', "jm:route:{$address}", $A, $id, $OWNER)->[0],
        'OK', "$alias claimed");

    my $reply = fcall('jm_address_confirm', $K, $id);
    is($reply->[0], 'OK', "$alias confirmed");

    return decode_json($reply->[1]);
}

sub events {
    my %wanted = map { $_ => 1 } @_;

    return grep { !%wanted || $wanted{ $_->{type} } }
        map { decode_json("{$_->[1][3]") }
        @{ cmd('XRANGE', "$K:log", '-', '+') };
}

sub account { decode_json(api('jm_account_get')->[1]) }
sub address { decode_json(api('jm_address_get', $_[0])->[1]) }

sub list {
    my ($address, $view, $limit, $offset, $after, $bodies, $words) = @_;

    my ($ok, $total, @rest) = @{
        api('jm_email_list', $address // '', $view // 'inbox', $limit // 100,
            $offset // 0, $after // '', $bodies // 0, $words // '')
    };
    my @items;

    while (my ($head, $bodies) = splice @rest, 0, 2) {
        push @items, { %{ decode_json("{$head}") }, bodies => $bodies };
    }

    return ($total, @items);
}

sub ids { join ' ', map { hex substr $_->{id}, 0, 8 } @_ }

# Whether any value in Redis holds the text.
sub found {
    my ($text) = @_;

    return grep {
        my $key = $_;
        grep { index($_, $text) >= 0 } $value{ cmd('TYPE', $key) }->($key)
    } @{ cmd('KEYS', '*') };
}


subtest 'accounts' => sub {
    is_deeply(cmd('FCALL_RO', 'jm_health', 0), ['OK', 'junkmail_1'], 'health');
    is(fcall('jm_account_create', $K, $KEY, id(1))->[0], 'OK', 'created');
    is(fcall('jm_account_create', $K, $KEY, id(1))->[0], 'EXISTS', 'once');

    my $a = account();
    is($a->{id}, $A, 'id');
    like($a->{createdAt}, qr/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
        'creation in ISO 8601');
    is_deeply([@$a{qw(addresses emails bytes)}], [0, 0, 0], 'counters');
    is_deeply($a->{quota},
        { addresses => 100, emails => 1000, bytes => 250 * 1024 * 1024,
            addressEmails => 0, addressBytes => 0 },
        'quota');

    is(fcall('jm_account_get', $K, sha256_hex('other'))->[0],
        'INVALID_API_KEY', 'unknown key');
    is(fcall('jm_account_get', 'jm:{' . 'x' x 22 . '}', $KEY)->[0],
        'INVALID_API_KEY', 'unknown account');

    cmd('HSET', "$K:key:$KEY", 'expires', int(time * 1000) - 1);
    is(api('jm_account_get')->[0], 'INVALID_API_KEY', 'expired key');
    cmd('HSET', "$K:key:$KEY", 'expires', 0);

    cmd('HSET', "$K:key:$KEY", 'scopes', 'emails:write emails:reader');
    is(api('jm_address_list', '', 20, 0)->[0], 'MISSING_SCOPE', 'scope');
    is(api('jm_account_get')->[0], 'OK', 'no scope needed');
    cmd('HSET', "$K:key:$KEY", 'scopes',
        'emails:read emails:write keys:manage');

    my ($used) = cmd('INFO', 'memory') =~ /\nused_memory:(\d+)/;
    cmd('CONFIG', 'SET', 'maxmemory', int($used * 1.1));
    is(fcall('jm_account_create', 'jm:{' . 'y' x 22 . '}', $KEY, id(1))->[0],
        'STORE_FULL', 'none above 85 % of the memory');
    cmd('CONFIG', 'SET', 'maxmemory', 0);
};


subtest 'addresses' => sub {
    my $a = new_address(id(10), 'alice', 0);

    is_deeply(
        {%$a, createdAt => 0},
        {
            id => id(10), address => 'alice@x.test', alias => 'alice',
            isActive => JSON::PP::true, createdAt => 0, expiresAt => undef,
            unread => 0, total => 0
        },
        'Address');
    is(account()->{addresses}, 1, 'counted');
    is_deeply(fcall('jm_address_confirm', $K, id(10))->[0], 'OK',
        'confirmed twice');
    is(account()->{addresses}, 1, 'counted once');
    is(scalar events('address.created'), 1, 'one event');
    is(cmd('PTTL', "$K:addr:" . id(10)), -1, 'without TTL');

    is(api('jm_address_create', id(11), 'alice@x.test', 'alice', 0)->[0],
        'ALIAS_TAKEN', 'own alias in use');

    my $other = 'z' x 22;
    is(fcall('jm_route_claim', 'jm:route:{alice@x.test}', $other, id(12),
        sha256_hex($other))->[0], 'ALIAS_TAKEN', "another's alias");

    is(api('jm_address_create', id(13), 'bob@x.test', 'bob', 60)->[0], 'OK',
        'pending');
    is(api('jm_address_get', id(13))->[0], 'NOT_FOUND', 'not to be seen');
    is(fcall('jm_rcpt_check', $K, id(13))->[0], 'UNKNOWN', 'takes no mail');
    is(api('jm_address_delete', id(13))->[0], 'NOT_FOUND', 'not to be deleted');
    is(fcall('jm_address_drop', $K, id(13))->[0], 'OK', 'dropped');
    is(fcall('jm_address_confirm', $K, id(13))->[0], 'NOT_FOUND', 'gone');
    is(fcall('jm_address_drop', $K, id(10))->[0], 'OK', 'a live one');
    is(api('jm_address_get', id(10))->[0], 'OK', 'is not dropped');

    my $b = new_address(id(14), 'bob', 3600);
    ok($b->{expiresAt} gt $b->{createdAt}, 'expires');

    is(api('jm_address_list', '', 20, 0)->[1], 2, 'list');
    is(api('jm_address_list', 'active', 20, 0)->[1], 2, 'active');
    is(api('jm_address_list', 'expired', 20, 0)->[1], 0, 'expired');
    my @page = @{ api('jm_address_list', '', 1, 1) };
    is(@page, 3, 'page of one');
    is(decode_json($page[2])->{alias}, 'alice', 'newest first');

    is(fcall('jm_rcpt_check', $K, id(10))->[0], 'OK', 'takes mail');
    is(fcall('jm_rcpt_check', $K, id(99))->[0], 'UNKNOWN', 'unknown');
    cmd('HSET', "$K:addr:" . id(10), 'state', 'stopped');
    is(fcall('jm_rcpt_check', $K, id(10))->[0], 'STOPPED', 'stopped');
    ok(!address(id(10))->{isActive}, 'and shows it');
    is(api('jm_address_list', 'active', 20, 0)->[1], 1, 'not active');
    cmd('HSET', "$K:addr:" . id(10), 'state', 'active');

    cmd('HSET', $K, 'maxEmails', 0);
    is(fcall('jm_rcpt_check', $K, id(10))->[0], 'FULL', 'quota');
    cmd('HSET', $K, 'maxEmails', 1000);

    cmd('HSET', $K, 'maxAddresses', 2);
    is(api('jm_address_create', id(15), 'eve@x.test', 'eve', 0)->[0],
        'QUOTA_EXCEEDED', 'quota of addresses');
    cmd('HSET', $K, 'maxAddresses', 100);
};


subtest 'domains' => sub {
    my $space = keyspace();
    my $d     = 'jm:domain:{d.test}';
    my $route = sub { join ' ', @{ fcall('jm_domain_route', $d, $_[0]) } };
    my $alias = sub { fcall('jm_alias_check', $d, $_[0], $_[1] // $A)->[0] };
    my $B     = 'b' x 22;

    is($route->('a'), 'FOREIGN', 'no domain of ours');
    is($alias->('a'), 'FOREIGN', 'nothing to be had there');

    cmd('HSET', $d, state => 'active', policy => 'closed');
    is($route->('a'), 'UNKNOWN', 'closed');
    is($route->('postmaster'), 'UNKNOWN', 'without a home');
    is($alias->('a'), 'OK', 'an alias');
    is($alias->($_), 'ALIAS_TAKEN', "$_ is reserved")
        for qw(postmaster abuse hostmaster webmaster admin administrator
        security noc root mailer-daemon noreply no-reply *);

    cmd('HSET', $d, home => $A, postmaster => id(60), abuse => id(61));
    is($route->('postmaster'), "ROLE $A " . id(60), 'postmaster');
    is($route->('abuse'), "ROLE $A " . id(61), 'abuse');
    is($route->('webmaster'), 'UNKNOWN', 'no home for the others');

    cmd('HSET', $d, policy => 'catch-all', account => $B, id => id(62));
    is($route->("b \"x\@"), "CATCH $B " . id(62), 'anything');
    is($route->('abuse'), "ROLE $A " . id(61), 'but for the roles');
    is($alias->('a'), 'ALIAS_TAKEN', "which is the other account's");
    is($alias->('a', $B), 'OK', 'and its own');
    is($alias->('root', $B), 'ALIAS_TAKEN', 'but for the roles');

    cmd('HSET', $d, policy => 'pattern', patterns => 'shop-* *.x a*b sole');
    my %covered = (
        'shop-' => 1, 'shop-a' => 1, 'shop' => 0, 'ashop-' => 0, 'y.x' => 1,
        '.x' => 1, 'x' => 0, 'ab' => 1, 'a' => 0, 'a b' => 1, 'ba' => 0,
        'sole' => 1, 'soles' => 0, '*' => 0, 'a%b' => 1, 'abx' => 0,
    );
    is($route->($_), $covered{$_} ? "CATCH $B " . id(62) : 'UNKNOWN',
        "pattern and $_") for sort keys %covered;
    is($alias->('shop-a'), 'ALIAS_TAKEN', 'covered');
    is($alias->('other'), 'OK', 'not covered');

    my $before = digest();
    cmd('HSET', $d, patterns => 'a*' . 'b' x 1100);
    like(fcall('jm_domain_route', $d, 'a'), qr/too many patterns/, 'bounded');
    cmd('HSET', $d, state => 'no');
    is($route->('a'), 'FOREIGN', 'not active');
    restore($space);

    is(fcall('jm_address_hold', $K, id(70), '*@d.test', '*')->[1], id(70),
        'an address for a domain');
    is(fcall('jm_address_hold', $K, id(71), '*@d.test', '*')->[1], id(70),
        'once');
    is(address(id(70))->{address}, '*@d.test', 'to be seen');
    is(fcall('jm_address_hold', $K, id(72), 'alice@x.test', 'alice')->[1],
        id(10), 'one that was there');
    is(cmd('HGET', $K, 'held'), 2, 'two held');
    cmd('HSET', $K, 'maxAddresses', 2);
    is(api('jm_address_create', id(75), 'own@x.test', 'own', 0)->[0], 'OK',
        'these do not count against the quota');
    cmd('HSET', $K, 'maxAddresses', 1);
    is(api('jm_address_create', id(76), 'two@x.test', 'two', 0)->[0],
        'QUOTA_EXCEEDED', 'but its own do');
    cmd('HSET', $K, 'maxAddresses', 100);
    is(account()->{addresses}, 3, 'a new one counted');
    is(api('jm_address_delete', id(70))->[0], 'ADDRESS_HELD', 'not deleted');
    is(api('jm_address_update', id(70), '0', '')->[0], 'ADDRESS_HELD',
        'not stopped');
    is(api('jm_address_update', id(70), '', '60')->[0], 'ADDRESS_HELD',
        'not given an end');
    is(api('jm_account_delete')->[0], 'ADDRESS_HELD',
        'nor is its account deleted');
    is(fcall('jm_rcpt_check', $K, id(70))->[0], 'OK', 'takes mail');

    is(fcall('jm_address_unhold', $K, id(70))->[0], 'OK', 'given back');
    is(fcall('jm_address_unhold', $K, id(70))->[0], 'OK', 'twice');
    is(cmd('HGET', $K, 'held'), 1, 'one held');
    is(fcall('jm_rcpt_check', $K, id(70))->[0], 'STOPPED', 'takes none');
    is(fcall('jm_address_hold', $K, id(73), '*@d.test', '*')->[1], id(70),
        'and again the same');
    fcall('jm_address_unhold', $K, $_) for id(70), id(10);
    is(api('jm_address_delete', id(70))->[0], 'OK', 'now it can be deleted');
    is(fcall('jm_address_hold', 'jm:{' . 'x' x 22 . '}', id(74), '*@d.test',
        '*')->[0], 'NOT_FOUND', 'no such account');
    restore($space);
};


subtest 'delivery' => sub {
    cmd('SET', "$K:raw:" . id(100), 'raw!', 'PX', 600000);
    cmd('SET', "$K:att:" . id(100) . ':1', 'ATT', 'PX', 600000);
    cmd('SET', "$K:att:" . id(100) . ':2', '12345', 'PX', 600000);

    my @args = (1, [[id(100), id(10)]], raw => 4, parts => \@inline);

    is_deeply(deliver(@args), ['OK', id(100)], 'stored');

    my $before = digest();
    is_deeply(deliver(1, [[id(101), id(10)]], raw => 9), ['OK', id(100)],
        'a repeat gives the first id');
    is(digest(), $before, 'and writes nothing');

    my $mail = { @{ cmd('HGETALL', "$K:mail:" . id(100)) } };
    is_deeply([@$mail{qw(v addr flags ver size raw)}],
        [1, id(10), 8, 1, 1000, 4], 'fields');
    is($mail->{a1}, $inline[0], 'attachment');
    is(cmd('PTTL', "$K:raw:" . id(100)), -1, 'pieces are kept');
    is(cmd('PTTL', "$K:mail:" . id(100)), -1, 'for ever');

    my ($event) = events('email.received');
    is($event->{data}{subject}, 'Secret', 'event');
    is($event->{data}{isRead}, JSON::PP::false, 'with flags');
    is($event->{data}{hasAttachments}, JSON::PP::true, 'and attachments');
    my ($entry) = grep { $_->[1][3] =~ /email\.received/ }
        @{ cmd('XRANGE', "$K:log", '-', '+') };
    is($mail->{event}, $entry->[0], 'whose id the mail knows');
    is($entry->[1][1], id(10), 'and its address');

    is_deeply([@{ address(id(10)) }{qw(total unread)}], [1, 1], 'counters');
    is_deeply([@{ account() }{qw(emails bytes)}], [1, 1000], 'quota');

    is_deeply(
        deliver(2, [[id(102), id(10)], [id(103), id(99)], [id(104), id(14)]]),
        ['OK', id(102), 'GONE', id(104)],
        'several addresses, one unknown');
    ok(cmd('PTTL', "$K:mail:" . id(104)) > 3600 * 1000,
        'mail of an address that expires does too');

    my $r = deliver(3, [[id(105), id(10)]], raw => 4);
    like($r, qr/^ERR junkmail: key .* is not complete/, 'missing piece');
    cmd('SET', "$K:raw:" . id(105), 'raw', 'PX', 600000);
    like(deliver(3, [[id(105), id(10)]], raw => 4), qr/not complete/,
        'short piece');
    cmd('DEL', "$K:raw:" . id(105));

    my $large = 300 * 1024;
    my $spilled = pack 'V3', 1, $large, $large;
    like(deliver(3, [[id(105), id(10)]], html => $spilled), qr/not complete/,
        'spilled value missing');
    cmd('SET', "$K:html:" . id(105), 'x' x $large);
    is(deliver(3, [[id(105), id(10)]], html => $spilled)->[1], id(105),
        'spilled value');

    like(deliver(4, [[id(105), id(10)]]), qr/exists/, 'id in use');
    like(deliver(4, [[id(106), id(10)], [id(107), id(10)]]), qr/twice/,
        'one mail for an address');

    my $alice = address(id(10));
    for (['maxAddressEmails', $alice->{total}],
        ['maxAddressBytes', cmd('HGET', "$K:addr:" . id(10), 'bytes')])
    {
        my ($field, $limit) = @$_;
        cmd('HSET', $K, $field, $limit);
        is(fcall('jm_rcpt_check', $K, id(10))->[0], 'FULL', $field);
        cmd('HSET', $K, $field, $limit + 1);
        is(fcall('jm_rcpt_check', $K, id(10))->[0], 'OK', 'not yet');
        cmd('HSET', $K, $field, 0);
    }

    cmd('HSET', $K, 'maxEmails', 1);
    is(deliver(5, [[id(106), id(10)]])->[1], id(106), 'quota never refuses');
    cmd('HSET', $K, 'maxEmails', 1000);
    is(deliver(6, [[id(108), id(99)]])->[1], 'GONE', 'nobody there');
    is(account()->{emails}, 5, 'five in all');
};


subtest 'lists' => sub {
    my ($total, @mails) = list();
    is($total, 5, 'total');
    is(ids(@mails), '106 105 104 102 100', 'newest first');
    is($mails[0]{bodies}, '', 'no bodies');
    is($mails[0]{isStarred}, JSON::PP::false, 'flags');

    is(ids((list(id(14)))[1 .. 1]), '104', 'of an address');
    is(api('jm_email_list', id(99), 'inbox', 1, 0, '', 0, '')->[0],
        'NOT_FOUND', 'unknown address');
    is(ids((list('', 'inbox', 2, 1))[1, 2]), '105 104', 'offset');
    is(ids((list('', 'inbox', 2, 0, id(104)))[1, 2]), '102 100', 'cursor');
    is_deeply([list('', 'inbox', 2, 0, id(103))],
        [list('', 'inbox', 2, 0, id(104))], 'cursor between two');
    is((list('', 'inbox', 0))[0], 5, 'limit 0');
    is((list('', 'bin'))[0], 0, 'empty view');

    is((list('', 'inbox', 9, 0, '', 0, 'word secret'))[0], 5, 'search');
    is((list('', 'inbox', 9, 0, '', 0, 'word nobody'))[0], 0, 'no match');
    ($total, @mails) = list('', 'inbox', 1, 1, id(105), 0, '.* secret');
    is($total, 0, 'no patterns');
    ($total, @mails) = list('', 'inbox', 1, 1, id(105), 0, 'secret');
    is($total, 5, 'all that match');
    is(ids(@mails), '102', 'the page of it');

    ($total, @mails) = list('', 'inbox', 9, 0, '', 1);
    is($mails[0]{bodies}, blob('bodies'), 'bodies');

    my $space = keyspace();
    my $mb = 1024 * 1024;
    deliver(20 + $_, [[id(300 + $_), id(10)]],
        bodies => blob('x', (3, 1, 2)[$_] * $mb)) for 0 .. 2;
    ($total, @mails) = list('', 'inbox', 9, 0, '', 1);
    is_deeply([map { length $_->{bodies} } @mails[0 .. 4]],
        [13, 13, 0, 0, 0], 'bodies stop at 4 MiB');

    cmd('SET', "$K:bodies:" . id(310), 'x' x (300 * 1024));
    deliver(30, [[id(310), id(14)]],
        bodies => pack('V3', 1, 300 * 1024, 300 * 1024));
    ($total, @mails) = list(id(14), 'inbox', 9, 0, '', 1);
    is_deeply([map { length $_->{bodies} } @mails], [0, 18],
        'a spilled one is left out alone');
    is(length api('jm_email_get', id(310))->[3], 12, 'and its header told');
    restore($space);
};


subtest 'reading' => sub {
    my ($ok, $ver, $head, $bodies, $detail) = @{ api('jm_email_get', id(100)) };
    is($ver, 1, 'version');
    my $json = decode_json("{$head}");
    is($json->{subject}, 'Secret', 'summary');
    ok(!exists $json->{hasAttachments}, 'without hasAttachments');
    is($bodies, blob('bodies'), 'bodies');
    is($detail, blob('detail'), 'detail');
    is(api('jm_email_get', id(999))->[0], 'NOT_FOUND', 'unknown');

    my @part = ('jm_email_part', id(100));
    is_deeply(api(@part, 'html', 0, 0, 99), ['OK', 1, '', 4, 0, 'html', ''],
        'html');
    is_deeply(api(@part, 'raw', 0, 1, 2), ['OK', 1, '', 4, 1, 'aw',
        "$K:raw:" . id(100)], 'raw');
    is_deeply(api(@part, 'att', 2, -2, 9), ['OK', 1, $inline[1], 5, 3, '45',
        "$K:att:" . id(100) . ':2'],
        'suffix of an attachment');
    is_deeply(api(@part, 'att', 2, -9, 2), ['OK', 1, $inline[1], 5, 0, '12',
        "$K:att:" . id(100) . ':2'],
        'longer suffix than all');
    is_deeply(api(@part, 'att', 2, 5, 9), ['OK', 1, $inline[1], 5, 5, '',
        "$K:att:" . id(100) . ':2'],
        'past the end');
    is_deeply(api(@part, 'html', 0, 0, 0), ['OK', 1, '', 4, 0, '', ''], 'nothing');
    is(api(@part, 'att', 3, 0, 9)->[0], 'NOT_FOUND', 'no such attachment');
    is(api('jm_email_part', id(102), 'raw', 0, 0, 9)->[0], 'NOT_FOUND',
        'original not kept');
    is(length api('jm_email_part', id(105), 'html', 0, 262144, 262144)->[5],
        45056, 'window of a spilled value');

    my $ticket = sha256_hex('ticket');
    my $reply  = api('jm_view_create', id(100), $ticket);
    is($reply->[0], 'OK', 'ticket');
    cmp_ok(abs($reply->[1] - time * 1000 - 600000), '<', 5000, '10 minutes');
    is_deeply(fcall('jm_view_part', $K, $ticket, 'html', 0, 0, 9),
        ['OK', 1, '', 4, 0, 'html', '', id(100)], 'html by ticket');
    is(fcall('jm_view_part', $K, $ticket, 'att', 1, 0, 9)->[5], 'ATT',
        'inline image by ticket');
    is(fcall('jm_view_part', $K, $ticket, 'att', 2, 0, 9)->[0], 'NOT_FOUND',
        'no other attachment');
    is(fcall('jm_view_part', $K, $KEY, 'html', 0, 0, 9)->[0], 'NOT_FOUND',
        'unknown ticket');
    is(api('jm_view_create', id(999), sha256_hex('x'))->[0], 'NOT_FOUND',
        'unknown email');
};


subtest 'flags' => sub {
    my $count = events();
    my ($ok, $n, @rest) =
        @{ api('jm_email_update', '1', '', '', id(100), id(102), id(104),
            id(999), id(100)) };
    is($n, 3, 'three found');
    is($rest[0], id(100), 'in order');
    ok(decode_json("{$rest[1]}")->{isRead}, 'read now');

    my @events = events('email.updated');
    is(@events, 2, 'an event for each address');
    is_deeply($events[0]{data},
        {
            ids => [id(100), id(102)], addressId => id(10),
            isRead => JSON::PP::true, isStarred => JSON::PP::false,
            isDeleted => JSON::PP::false
        },
        'of several');
    is($events[1]{data}{id}, id(104), 'of one');
    is(address(id(10))->{unread}, 2, 'unread');
    is((list('', 'unread'))[0], 2, 'view');
    is(api('jm_email_get', id(100))->[1], 2, 'version rose');

    api('jm_email_update', '1', '', '', id(100));
    is(api('jm_email_get', id(100))->[1], 2, 'no change, no version');
    is(scalar events('email.updated'), 2, 'and no event');

    api('jm_email_update', '0', '1', '', id(100));
    is(ids((list('', 'starred'))[1]), '100', 'starred');
    is((list('', 'unread'))[0], 3, 'unread again');

    is(api('jm_email_delete', id(100), 0)->[0], 'OK', 'to the bin');
    is((list('', 'starred'))[0], 0, 'not starred in the bin');
    is((list('', 'bin'))[0], 1, 'in the bin');
    is_deeply([@{ address(id(10)) }{qw(total unread)}], [3, 2],
        'counters without the bin');
    is(account()->{emails}, 5, 'quota with it');
    ok((events('email.updated'))[-1]{data}{isDeleted}, 'event');

    api('jm_email_update', '', '', '0', id(100));
    is((list('', 'starred'))[0], 1, 'back again, starred');
    api('jm_email_delete', id(100), 0);

    like(api('jm_email_update', '1', '', '', (id(1)) x 101), qr/too many/,
        '100 at the most');
    is(api('jm_email_update_all', '1', '', '', id(99), '')->[0], 'NOT_FOUND',
        'all of an unknown address');
    is_deeply(api('jm_email_update_all', '1', '', '', id(10), ''),
        ['OK', 3, ''], 'all of an address');
    is(address(id(10))->{unread}, 0, 'are read');
};


subtest 'permanent deletion' => sub {
    api('jm_email_delete', $_, 1) for id(102), id(104), id(105), id(106);
    is_deeply([sort(found('Secret'))],
        ["$K:log", "$K:mail:" . id(100)], 'the last one');

    is(api('jm_email_delete', id(100), 0)->[0], 'OK', 'out of the bin');
    is_deeply([found('Secret')], [], 'no subject anywhere');
    is_deeply([found('bodies')], [], 'nor body');
    is_deeply([grep { /:(mail|raw|att|html|bodies|detail|idx):/ }
        @{ cmd('KEYS', '*') }], [], 'no keys');
    is((events('email.deleted'))[-1]{data}{id}, id(100), 'event');
    is_deeply([@{ account() }{qw(emails bytes)}], [0, 0], 'quota is free');
    is_deeply([@{ address(id(10)) }{qw(total unread)}], [0, 0], 'counters');
    is(cmd('HGET', "$K:addr:" . id(10), 'bytes'), 0, 'bytes');
    is(api('jm_email_delete', id(100), 1)->[0], 'NOT_FOUND', 'once');
};


subtest 'the event log' => sub {
    my @log = map { $_->[0] } @{ cmd('XRANGE', "$K:log", '-', '+') };
    my $open = sub { api('jm_log_open', @_) };

    is_deeply($open->(''), ['OK', $log[-1], $log[-1], 0], 'newest');
    is_deeply($open->('0'), ['OK', '0-0', $log[-1], 0], 'oldest');
    is_deeply($open->($log[0]), ['OK', $log[0], $log[-1], 0], 'cursor');
    is_deeply($open->('1-1'), ['OK', $log[-1], $log[-1], 1], 'reset');
    is_deeply($open->('9' x 20 . '-1'), ['OK', $log[-1], $log[-1], 1],
        'a cursor beyond all numbers');
    is($open->('', id(10))->[0], 'OK', 'address');
    is($open->('', id(10), id(99))->[0], 'NOT_FOUND', 'foreign address');
    like($open->('x'), qr/^ERR junkmail/, 'malformed cursor');

    my $check = sub { fcall('jm_log_check', $K, @_) };
    my $short = sha256_hex('short');

    is_deeply($check->(''), ['OK', $log[-1], 0], 'nothing but the newest');
    is_deeply($check->($log[0], $KEY), ['OK', $log[-1], 0, $KEY, 0],
        'a cursor and a key');
    is_deeply($check->('1-1', 'f' x 64, $KEY),
        ['OK', $log[-1], 1, 'f' x 64, -1, $KEY, 0], 'both gone');
    api('jm_key_create', $short, id(0x77), 'short', 'emails:read', 60);
    my $left = $check->('', $short)->[4];
    ok($left > 58_000 && $left <= 60_000, 'ms left of a key');
    cmd('HSET', "$K:key:$short", 'expires', 1);
    is($check->('', $short)->[4], -1, 'expired');
    cmd('HSET', "$K:key:$short", 'expires', 0, 'scopes', 'emails:write');
    is($check->('', $short)->[4], -1, 'without the scope');
    api('jm_key_delete', id(0x77));

    my $space = keyspace();
    cmd('XDEL', "$K:log", @log);
    is_deeply($open->(''), ['OK', $log[-1], $log[-1], 0], 'empty log');
    is_deeply($open->($log[-1]), ['OK', $log[-1], $log[-1], 0],
        'its position');
    cmd('DEL', "$K:log");
    is_deeply($open->(''), ['OK', '0-0', '0-0', 0], 'no log');
    is_deeply($open->('0-0'), ['OK', '0-0', '0-0', 0], 'its position');
    restore($space);

    deliver(1000 + $_, [[id(0x1000 + $_), id(10)]]) for 1 .. 1201;
    my $length = cmd('XLEN', "$K:log");
    cmp_ok($length, '>=', 1000, 'at least 1,000 events');
    cmp_ok($length, '<', 1201, 'but not all');
};


subtest 'slices' => sub {
    my ($cursor, @counts) = ('');

    do {
        my $r = api('jm_email_update_all', '1', '', '', id(10), $cursor);
        push @counts, $r->[1];
        $cursor = $r->[2];
    } while ($cursor ne '' && @counts < 9);

    is("@counts", '500 500 201', 'all read in slices');
    is(address(id(10))->{unread}, 0, 'all of them');
    cmp_ok(length((events('email.updated'))[-1]{data}{ids}), '>', 0, 'event');

    is(api('jm_address_delete', id(10))->[0], 'OK', 'address deleted');
    is(api('jm_address_get', id(10))->[0], 'NOT_FOUND', 'not seen');
    is((list())[0], 0, 'nor its mail in lists');
    is(api('jm_email_get', id(0x1001))->[0], 'NOT_FOUND', 'nor by its id');
    is(fcall('jm_rcpt_check', $K, id(10))->[0], 'EXPIRED', 'takes no mail');
    is(deliver(9, [[id(500), id(10)]])->[1], 'GONE', 'mail under way is gone');
    is((events('address.deleted'))[-1]{data}{id}, id(10), 'event');
    is(account()->{addresses}, 1, 'place in the quota is free');
    is(api('jm_address_delete', id(10))->[0], 'NOT_FOUND', 'once');

    is_deeply(fcall('jm_address_due', $K, id(10)),
        ['DELETED', 'alice@x.test'], 'is to be purged');

    my @left = map { fcall('jm_address_purge', $K, id(10), 500)->[1] } 1 .. 4;
    is("@left", '701 201 0 0', 'in slices');
    is_deeply([found('Secret')], [], 'no subject anywhere');
    is_deeply([@{ account() }{qw(emails bytes)}], [0, 0], 'quota');
    is_deeply([grep { /idx|mail/ } @{ cmd('KEYS', '*') }], [], 'no keys');

    is(fcall('jm_route_release', 'jm:route:{alice@x.test}', $A, id(10),
        $OWNER, 1)->[0], 'OK', 'route');
    is_deeply(cmd('HGETALL', 'jm:route:{alice@x.test}'), ['owner', $OWNER],
        'remembers its owner');
    cmp_ok(cmd('PTTL', 'jm:route:{alice@x.test}'), '>', 29 * 86400 * 1000,
        'for 30 days');
    is(fcall('jm_address_forget', $K, id(10))->[0], 'OK', 'forgotten');
    is(cmd('EXISTS', "$K:addr:" . id(10)), 0, 'is gone');
    is_deeply(fcall('jm_address_due', $K, id(10)), ['GONE'], 'nothing due');

    is(fcall('jm_route_claim', 'jm:route:{alice@x.test}', 'z' x 22, id(12),
        sha256_hex('z' x 22))->[0], 'ALIAS_TAKEN', 'not for others');
    new_address(id(20), 'alice', 0);
    is(cmd('PTTL', 'jm:route:{alice@x.test}'), -1, 'for its owner for ever');
};


subtest 'expiry' => sub {
    my $never = fcall('jm_address_due', $K, id(20));
    is($never->[0], 'WAIT', 'never');
    cmp_ok($never->[2], '>', (time + 86000) * 1000, 'but looked at every day');
    is(fcall('jm_address_due', $K, id(14))->[0], 'WAIT', 'later');

    new_address(id(21), 'short', 4);
    deliver(40, [[id(600), id(21)]]);
    is((list())[0], 1, 'mail');
    sleep 4.1;

    is(fcall('jm_rcpt_check', $K, id(21))->[0], 'EXPIRED', 'expired at once');
    is(api('jm_email_get', id(600))->[0], 'NOT_FOUND', 'its mail too');
    is(scalar((list())[1 .. 9]), undef, 'lists');
    is((list(id(21)))[0], 0, 'its own list');
    is(deliver(41, [[id(601), id(21)]])->[1], 'GONE', 'no delivery');
    ok(!address(id(21))->{isActive}, 'shows');
    is(api('jm_address_list', 'expired', 20, 0)->[1], 1, 'as expired');
    my $used = account()->{addresses};

    my $due = fcall('jm_address_due', $K, id(21));
    is($due->[0], 'EXPIRED', 'due');
    cmp_ok($due->[2], '>', (time + 29 * 86400) * 1000, 'again in 30 days');
    is((list())[0], 0, 'not counted any more');
    is(account()->{addresses}, $used - 1, 'quota');
    is(scalar events('address.expired'), 1, 'event');
    fcall('jm_address_due', $K, id(21));
    is(scalar events('address.expired'), 1, 'once');
    is(fcall('jm_address_purge', $K, id(21), 500)->[1], 0, 'purged');
    is_deeply([found('Secret')], [], 'no subject anywhere');
    is(api('jm_address_get', id(21))->[0], 'OK', 'listed for 30 days');

    new_address(id(22), 'short', 60)
        if cmd('HSET', 'jm:route:{short@x.test}', 'claimed', 1) == 0;
    is(cmd('HGET', 'jm:route:{short@x.test}', 'id'), id(22), 'alias again');
    fcall('jm_route_release', 'jm:route:{short@x.test}', $A, id(21), $OWNER,
        0);
    is(cmd('HGET', 'jm:route:{short@x.test}', 'id'), id(22),
        'the old one does not take it away');

    cmd('HSET', "$K:addr:" . id(21), 'expires',
        int((time - 31 * 86400) * 1000));
    is(fcall('jm_address_due', $K, id(21))->[0], 'OVER', 'forgotten then');

    # Stopping, resuming, extending, shortening.
    my $c = new_address(id(25), 'changing', 60);
    deliver(70 + $_, [[id(710 + $_), id(25)]]) for 0 .. 4;
    api('jm_email_delete', id(711), 0);
    cmd('DEL', "$K:log");

    my $places = account()->{addresses};
    my $u = api('jm_address_update', id(25), 0, '');
    is_deeply([decode_json($u->[1])->{isActive}, $u->[2]],
        [JSON::PP::false, 0], 'stopped');
    is(fcall('jm_rcpt_check', $K, id(25))->[0], 'STOPPED', 'takes no mail');
    is(account()->{addresses}, $places, 'but keeps its place in the quota');
    is(scalar events('address.updated'), 1, 'event');
    api('jm_address_update', id(25), 0, '');
    is(scalar events('address.updated'), 1, 'none when nothing changes');
    is(api('jm_address_update', id(25), 1, '')->[0], 'OK', 'resumed');
    is(fcall('jm_rcpt_check', $K, id(25))->[0], 'OK', 'takes mail');

    $u = api('jm_address_update', id(25), '', 86400);
    is($u->[2], 1, 'extended');
    cmp_ok(cmd('PTTL', "$K:mail:" . id(711)), '<', 4000 * 1000,
        'its mail has the old TTL');
    is(fcall('jm_address_due', $K, id(25))->[0], 'RENEW', 'to be renewed');
    my @more = map { fcall('jm_address_renew', $K, id(25), 2)->[1] } 1 .. 4;
    is("@more", '1 1 0 0', 'in slices');
    is((grep { cmd('PTTL', $_) < 86400_000 }
        map { "$K:mail:" . id($_) } 710 .. 714), 0, 'the bin, too');
    is(fcall('jm_address_due', $K, id(25))->[0], 'WAIT', 'done');

    is(api('jm_address_update', id(25), '', 1)->[2], 1, 'shortened');
    sleep 1.1;
    is(api('jm_address_update', id(25), '', 60)->[0], 'ADDRESS_EXPIRED',
        'expired stays expired');
    is(api('jm_address_update', id(26), 1, '')->[0], 'NOT_FOUND', 'unknown');
    api('jm_address_delete', id(25));
    fcall('jm_address_purge', $K, id(25), 500);

    # What Redis's own TTL took away before the reaper came.
    new_address(id(23), 'lost', 60);
    deliver(42, [[id(700), id(23)], [id(701), id(22)]]);
    cmd('DEL', "$K:mail:" . id(700));
    api('jm_address_delete', id(23));
    is(fcall('jm_address_purge', $K, id(23), 500)->[1], 0, 'lost mail');
    is_deeply([@{ account() }{qw(emails bytes)}], [1, 1000], 'is not counted');

    api('jm_address_create', id(24), 'half@x.test', 'half', 0);
    is(fcall('jm_address_due', $K, id(24))->[0], 'WAIT', 'pending');
    cmd('HSET', "$K:addr:" . id(24), 'created', 1);
    is_deeply(fcall('jm_address_due', $K, id(24)), ['PENDING', 'half@x.test'],
        'for too long');
    is(fcall('jm_address_confirm', $K, id(24))->[0], 'NOT_FOUND',
        'to be confirmed');
};


subtest 'the bin is emptied' => sub {
    new_address(id(27), 'bin', 0);
    deliver(80 + $_, [[id(720 + $_), id(27)]]) for 0 .. 4;
    api('jm_email_delete', id(720 + $_), 0) for 0 .. 3;
    api('jm_email_update', '', '', 0, id(723));
    is_deeply(cmd('ZRANGE', "$K:binned", 0, -1), [map { id(720 + $_) } 0 .. 2],
        'who is in it');
    is(fcall('jm_account_due', $K, 7, 30, 500)->[0], 'WAIT', 'not yet');

    cmd('ZADD', "$K:binned", 1, id(720 + $_)) for 0 .. 2;
    is(fcall('jm_account_due', $K, 0, 30, 500)->[0], 'WAIT', 'never');
    is(cmd('ZCARD', "$K:binned"), 3, 'as told');

    my ($emails, $bytes) = @{ account() }{qw(emails bytes)};
    is(fcall('jm_account_due', $K, 7, 30, 2)->[0], 'MORE', 'in slices');
    is(fcall('jm_account_due', $K, 7, 30, 2)->[0], 'WAIT', 'done');
    is_deeply([@{ account() }{qw(emails bytes)}],
        [$emails - 3, $bytes - 3000], 'quota');
    is(cmd('EXISTS', map { "$K:mail:" . id(720 + $_) } 0 .. 4), 2,
        'the others stay');
    my @gone = map { @{ $_->{data}{ids} } } grep { $_->{data}{ids} }
        events('email.deleted');
    is_deeply([sort @gone], [map { id(720 + $_) } 0 .. 2], 'events');

    api('jm_address_delete', id(27));
    fcall('jm_address_purge', $K, id(27), 500);
    is(cmd('EXISTS', "$K:binned"), 0, 'nothing left behind');
};


subtest 'accounts nobody uses' => sub {
    my $c = 'jm:{' . 'c' x 22 . '}';

    fcall('jm_account_create', $c, $KEY, id(1));
    is(fcall('jm_account_due', $c, 7, 30, 500)->[0], 'WAIT', 'a new one');
    cmd('HSET', $c, 'seen', int((time - 31 * 86400) * 1000));
    is(fcall('jm_account_due', $c, 7, 0, 500)->[0], 'WAIT', 'never');
    cmd('ZADD', "$c:addrs", 0, id(1));
    is(fcall('jm_account_due', $c, 7, 30, 500)->[0], 'WAIT',
        'one with an address stays');
    cmd('DEL', "$c:addrs");
    is(fcall('jm_account_due', $c, 7, 30, 500)->[0], 'DELETED', 'removed');
    is(fcall('jm_account_get', $c, $KEY)->[0], 'INVALID_API_KEY', 'at once');
    fcall('jm_account_purge', $c);
    is(fcall('jm_account_due', $c, 7, 30, 500)->[0], 'GONE', 'no more');
};


subtest 'what is due' => sub {
    my $member = "account:$A";
    my $zset   = 'jm:expire:3';

    is(fcall('jm_due_add', $zset, $member, 5)->[0], 'OK', 'added');
    fcall('jm_due_done', $zset, $member, 4, '');
    is(cmd('ZSCORE', $zset, $member), 5, 'changed in between');
    fcall('jm_due_done', $zset, $member, 5, 7);
    is(cmd('ZSCORE', $zset, $member), 7, 'again');
    fcall('jm_due_done', $zset, $member, 7, '');
    is(cmd('EXISTS', $zset), 0, 'done');
};


subtest 'a full Redis' => sub {
    deliver(50, [[id(800), id(20)]]);
    cmd('CONFIG', 'SET', 'maxmemory', 1);
    like(deliver(51, [[id(801), id(20)]]), qr/^OOM /, 'no delivery');
    is(api('jm_email_get', id(800))->[0], 'OK', 'reading');
    is(api('jm_email_delete', id(800), 1)->[0], 'OK', 'deleting');
    is(fcall('jm_due_add', 'jm:expire:0', "account:$A", 1)->[0], 'OK', 'due');
    cmd('CONFIG', 'SET', 'maxmemory', 0);
    cmd('DEL', 'jm:expire:0');
};


# Now every function again: with each argument wrong, and with each key that
# it touches of another type.  %call has a call that succeeds.

cmd('FLUSHALL');
fcall('jm_account_create', $K, $KEY, id(1));
new_address(id(30), 'full', 0);
cmd('SET', "$K:raw:" . id(900), 'raw!');
cmd('SET', "$K:att:" . id(900) . ':1', 'ATT');
cmd('SET', "$K:att:" . id(900) . ':2', '12345');
deliver(60, [[id(900), id(30)]], raw => 4, parts => \@inline);
deliver(61, [[id(901), id(30)]]);
api('jm_email_delete', id(901), 0);
api('jm_view_create', id(900), $OWNER);
new_address(id(31), 'old', 4);
deliver(62, [[id(902), id(31)]]);
new_address(id(32), 'gone', 0);
deliver(63, [[id(903), id(32)]]);
api('jm_address_delete', id(32));
api('jm_address_create', id(33), 'half@x.test', 'half', 0);
new_address(id(34), 'empty', 0);
api('jm_address_delete', id(34));
new_address(id(35), 'longer', 60);
deliver(64, [[id(904), id(35)]]);
api('jm_address_update', id(35), '', 3600);
cmd('SET', "$K:raw:" . id(910), 'raw!', 'PX', 600000);
sleep 4.1;

my $B     = 'jm:{' . 'b' x 22 . '}';
my $C     = 'jm:{' . 'c' x 22 . '}';
my %call  = (
    jm_account_create  => [$B, $KEY, id(1), 10, 1000, 5, 0, 0],
    jm_account_get     => [$K, $KEY],
    jm_account_seen    => [$K, $KEY],
    jm_account_delete  => [$K, $KEY],
    jm_operator_account_get    => [$K],
    jm_operator_account_update => [$K, 10, 1000, 5, 0, 0],
    jm_operator_account_delete => [$K],
    jm_operator_key_list       => [$K],
    jm_operator_key_create     => [
        $K, sha256_hex('new key'), id(50), 'name', 'emails:read', 60
    ],
    jm_operator_key_delete     => [$K, id(1)],
    jm_key_list        => [$K, $KEY],
    jm_key_create      => [
        $K, $KEY, sha256_hex('new key'), id(50), 'name', 'emails:read', 60
    ],
    jm_key_delete      => [$K, $KEY, id(1)],
    jm_address_create  => [$K, $KEY, id(40), 'new@x.test', 'new', 60],
    jm_address_hold    => [$K, id(40), '*@x.test', '*'],
    jm_address_unhold  => [$C, id(50)],
    jm_domain_route    => ['jm:domain:{x.test}', 'new'],
    jm_alias_check     => ['jm:domain:{x.test}', 'new', $A],
    jm_route_claim     => ['jm:route:{new@x.test}', $A, id(40), $OWNER],
    jm_address_confirm => [$K, id(33)],
    jm_address_drop    => [$K, id(33)],
    jm_address_list    => [$K, $KEY, '', 20, 0],
    jm_address_get     => [$K, $KEY, id(30)],
    jm_address_update  => [$K, $KEY, id(30), 0, 60],
    jm_address_renew   => [$K, id(35), 500],
    jm_address_delete  => [$K, $KEY, id(30)],
    jm_rcpt_check      => [$K, id(30)],
    jm_email_deliver   => [
        $K, 'f' x 32, '2.0', 1000, 0, 4, blob('b'), blob('h'), 0, 1, id(910), id(30),
        'search', '"id":1', blob('d')
    ],
    jm_email_stale    => [$K, '2.0', id(1), 500],
    jm_email_original => [$K, id(900)],
    jm_email_reclean  => [
        $K, id(900), 'f' x 32, '2.0', 1000, 0, 0, blob('b'), blob('h'), 0, 1,
        id(911), id(30), 'search', '"id":1', blob('d')
    ],
    jm_email_list => [$K, $KEY, id(30), 'inbox', 9, 0, id(999), 1, 'secret'],
    jm_email_after => [$K, $KEY, id(30), id(1)],
    jm_email_get  => [$K, $KEY, id(900)],
    jm_email_part => [$K, $KEY, id(900), 'att', 1, 0, 9],
    jm_view_create => [$K, $KEY, id(900), $KEY],
    jm_view_part   => [$K, $OWNER, 'att', 1, 0, 9],
    jm_email_update     => [$K, $KEY, 1, 1, 1, id(900), id(901)],
    jm_email_update_all => [$K, $KEY, 1, 1, 1, id(30), id(1)],
    jm_email_delete     => [$K, $KEY, id(900), 1],
    jm_log_open         => [$K, $KEY, '1-1', id(30)],
    jm_log_check        => [$K, '1-1', $KEY],
    jm_due_add          => ['jm:expire:3', "account:$A", 5],
    jm_due_done         => ['jm:expire:4', "account:$A", 5, 6],
    jm_address_due      => [$K, id(31)],
    jm_address_purge    => [$K, id(32), 500],
    jm_address_forget   => [$K, id(34)],
    jm_route_release => ['jm:route:{full@x.test}', $A, id(30), $OWNER, 1],
    jm_account_due   => [$K, 7, 30, 500],
    jm_account_purge => [$K],
);

fcall('jm_account_create', $C, $KEY, id(1));
fcall('jm_address_hold', $C, id(50), 'abuse@x.test', 'abuse');
cmd('HSET', 'jm:domain:{x.test}', state => 'active', policy => 'pattern',
    patterns => 'shop-*', account => $A, id => id(30));
cmd('ZADD', 'jm:expire:4', 5, "account:$A");
my $space  = keyspace();
my $digest = digest();

my @functions = sort grep { $_ ne 'jm_health' }
    map { my %f = @$_; $f{name} }
    @{ { @{ cmd('FUNCTION', 'LIST')->[0] } }->{functions} };
is_deeply(\@functions, [sort keys %call], 'a call of every function');

# Free text: what stands in it is not looked at, only its length.
my %text = (
    jm_key_create              => { 4 => 1 },
    jm_operator_key_create     => { 3 => 1 },
    jm_address_create          => { 4 => 1 },
    jm_address_hold            => { 3 => 1 },
    jm_domain_route            => { 1 => 1 },
    jm_alias_check             => { 1 => 1 },
    jm_email_list              => { 8 => 1 },
    jm_email_deliver           => { 2 => 1, 12 => 1, 13 => 1 },
    jm_email_stale             => { 1 => 1 },
    jm_email_reclean           => { 3 => 1, 13 => 1, 14 => 1 },
);

for my $name (@functions) {
    my @args = @{ $call{$name} };

    subtest "$name, called wrongly" => sub {
        my @wrong = ([], [@args, 'y' x 300000]);

        push @wrong, [@args[0 .. $#args - 1]]
            unless $name =~ /_(log_open|log_check|email_update)$/;

        for my $i (0 .. $#args) {
            my @bad = ('y' x 300000, "$args[$i]\0");
            push @bad, '!', ' ' unless $text{$name}{$i};

            for my $bad (@bad) {
                next if $text{$name}{$i} && length $bad < 1000;
                my @call = @args;
                $call[$i] = $bad;
                push @wrong, \@call;
            }
        }

        my @replies = map { fcall($name, @$_) } @wrong;
        my @fine = grep { ref $replies[$_] eq 'ARRAY' } 0 .. $#wrong;

        is_deeply([map { [map { substr $_, 0, 40 } @{ $wrong[$_] }] } @fine],
            [], scalar(@wrong) . ' errors');
        like($_, qr/^ERR (junkmail: |wrong number|Number of keys)/) for
            grep { !/^ERR (junkmail: |wrong number|Number of keys)/ } @replies;
        like(cmd('FCALL', $name, 2, $args[0], @args), qr/^ERR junkmail/,
            'two keys');
        is(digest(), $digest, 'nothing written');
    };

    subtest "$name, keys of another type" => sub {
        my $reply = fcall($name, @args);
        is(ref $reply eq 'ARRAY' ? $reply->[0] : $reply,
            { jm_account_purge => 'ACTIVE', jm_address_due => 'EXPIRED',
                jm_account_due => 'WAIT', jm_domain_route => 'UNKNOWN' }
                ->{$name} // 'OK', 'right call');

        my %after = (%$space, %{ keyspace() });
        my (@partial, %refused);

        restore($space);

        for my $key (sort keys %after) {
            for my $type (qw(LPUSH SET)) {
                cmd('DEL', $key);
                cmd($type, $key, 'wrong');

                my $wrong  = cmd('DUMP', $key);
                my $before = writes();
                my $r      = fcall($name, @args);
                my $now    = cmd('DUMP', $key);

                if (ref $r ne 'ARRAY') {
                    $refused{$key} = 1;
                    push @partial, "$key: $r" if writes() != $before;
                    cmd('DEL', $key);
                    cmd('RESTORE', $key, $space->{$key}[1] > 0
                        ? $space->{$key}[1] : 0, $space->{$key}[0])
                        if $space->{$key};
                    next;
                }

                # It did not need the key, or needs no type to remove it; what
                # is a string may become another one.
                push @partial, "$key overwritten"
                    if defined $now && $now ne $wrong
                    && cmd('TYPE', $key) ne 'string';
                restore($space);
            }
        }

        is(digest(), $digest, 'nothing written');
        is_deeply(\@partial, [], keys(%refused) . ' of ' . keys(%after)
                . ' keys refused, nothing written');
        ok(scalar(keys %refused), 'its own among them');
        restore($space);
    };
}


# What the reaper does with a deleted account.

subtest 'deleted account' => sub {
    is(api('jm_account_delete')->[0], 'OK', 'deleted');
    is(api('jm_account_get')->[0], 'INVALID_API_KEY', 'key is of no use');
    is(fcall('jm_rcpt_check', $K, id(30))->[0], 'EXPIRED', 'takes no mail');
    is(deliver(70, [[id(950), id(30)]])->[1], 'GONE', 'mail under way');
    is(fcall('jm_view_part', $K, $OWNER, 'html', 0, 0, 9)->[0], 'NOT_FOUND',
        'tickets');
    is(fcall('jm_address_confirm', $K, id(33))->[0], 'NOT_FOUND',
        'address under way');

    cmp_ok(fcall('jm_account_purge', $K)->[1], '>', 0, 'addresses first');

    for my $id (@{ cmd('ZRANGE', "$K:addrs", 0, -1) }, id(32), id(33), id(34))
    {
        fcall('jm_address_due', $K, $id);
        fcall('jm_address_purge', $K, $id, 500);
        fcall('jm_address_forget', $K, $id);
        fcall('jm_address_drop', $K, $id);
    }

    is_deeply(fcall('jm_account_purge', $K), ['OK', 0], 'then itself');
    is_deeply(fcall('jm_account_purge', $K), ['OK', 0], 'again');
    is_deeply([grep { !/:(did|ticket):|:raw:000003/ }
            sort @{ cmd('KEYS', "$K*") }], [], 'nothing left but what expires');
    is_deeply([found('Secret')], [], 'no subject');
};

done_testing();
