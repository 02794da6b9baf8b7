#!/usr/bin/perl

# The operator's command line: accounts and keys (domains are in 22-domains.t),
# for people and, with --json, for programs.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP;
use JunkMail::Test;
use Test::More;

my $jm   = JunkMail::Test->new;
my $home = $jm->{dir};

# Exit code and output.
sub run
{
    my $quoted = join ' ', map { "'$_'" } @_;
    my $out = qx{$JunkMail::Test::BUILD/junkmaild -c $home/junkmail.conf $quoted 2>&1};
    return ($? >> 8, $out);
}

sub json
{
    my ($rc, $out) = run(@_, '--json');
    is($rc, 0, "@_") or diag($out);
    return decode_json($out);
}

# --- accounts ---------------------------------------------------------------

my $made = json(qw(account add));
like($made->{account}, qr/^[0-9A-Za-z]{22}$/, 'an account');
is($jm->api(GET => '/accounts/me', key => $made->{key})->{status}, 200,
    'its key works');
my $id = $made->{account};

my ($rc, $out) = run(qw(account add --key-file), "$home/new.key");
is($rc, 0, 'another, its key in a file') or diag($out);
like($out, qr{^account \w{22}\nkey     in \Q$home\E/new.key\n$}, 'said');
chomp(my $key = $jm->read('new.key'));
is($jm->api(GET => '/accounts/me', key => $key)->{status}, 200, 'it works');
is((stat "$home/new.key")[2] & 0777, 0600, 'and is only ours');
($rc, $out) = run(qw(account add --key-file), "$home/new.key");
is($rc, 1, 'a file that is there is kept');
like($out, qr/exists already/, 'said');

my $client = $jm->account;
my @all = map { $_->{id} } @{ json(qw(account list)) };
is(scalar @all, 4, 'four accounts: the operator\'s too');
is(scalar(grep { $_ eq $id || $_ eq $client->{id} } @all), 2, 'these two');
($rc, $out) = run(qw(account list));
is_deeply([sort split /\n/, $out], [sort @all], 'for people');

is_deeply(json(qw(account show), $client->{id}),
    $jm->api(GET => '/accounts/me', key => $client->{key})->{json}{data},
    'shows what its owner sees');
($rc, $out) = run(qw(account show), $id);
like($out, qr/^id +$id\n.*^quota emails +1000$/ms, 'for people');

my $set = json(qw(account set), $id, qw(--emails 5 --address-bytes 1000));
is_deeply($set->{quota}, { emails => 5, bytes => 262144000, addresses => 100,
    addressEmails => 0, addressBytes => 1000 }, 'a quota of its own');
is($jm->api(GET => '/accounts/me', key => $made->{key})
    ->{json}{data}{quota}{emails}, 5, 'its owner sees it');

# --- keys -------------------------------------------------------------------

my $reader = json(qw(key add), $id, '--name', 'a reader', '--scopes',
    'emails:read', '--expires', 3600);
is($jm->api(GET => '/emails', key => $reader->{key})->{status}, 200,
    'a key that reads');
is($jm->api(POST => '/addresses', key => $reader->{key}, json => {})
    ->{status}, 403, 'and does no more');
my @keys = @{ json(qw(key list), $id) };
is_deeply([map { $_->{name} } @keys], ['default', 'a reader'], 'listed');
($rc, $out) = run(qw(key list), $id);
like($out, qr/^name +a reader$/m, 'for people');
unlike($out, qr/jm_live_/, 'no secret');

($rc, $out) = run(qw(key remove), $id, $reader->{id});
is($rc, 0, 'removed') or diag($out);
is($jm->api(GET => '/emails', key => $reader->{key})->{status}, 401, 'dead');
($rc, $out) = run(qw(key remove), $id, $reader->{id});
is("$rc $out", "1 junkmaild: the key: NOT_FOUND\n", 'once');

# --- removal ----------------------------------------------------------------

($rc, $out) = run(qw(account remove), $id);
is("$rc $out", "0 account $id removed\n", 'an account is removed');
is($jm->api(GET => '/accounts/me', key => $made->{key})->{status}, 401,
    'at once');
ok($jm->eventually(sub { !$jm->{redis}->cmd('EXISTS', "jm:{$id}") }),
    'the reaper takes the rest');
is((grep { $_->{id} eq $id } @{ json(qw(account list)) }), 0, 'not listed');

chomp(my $operator = $jm->read('operator.key'));
my ($theirs) = $operator =~ /^jm_live_(\w{22})/;
($rc, $out) = run(qw(account remove), $theirs);
is($rc, 1, 'not one that a domain\'s mail goes to');
like($out, qr/a domain's mail goes to account $theirs/, 'said');

# --- domains as JSON --------------------------------------------------------

is_deeply(json(qw(domain list)), ['junkmail.test'], 'domains');
is_deeply(json(qw(domain show junkmail.test)), { domain => 'junkmail.test',
    postmaster => $theirs, policy => 'closed', patterns => undef,
    catchAll => undef }, 'one of them');

# --- misuse -----------------------------------------------------------------

for (['account'], ['account', 'show'], ['account', 'show', 'a', 'b'],
    ['key', 'remove', $id], ['account', 'list', '--emails', 1],
    ['account', 'set', $id, '--emails'], ['key', 'add', $id, '--name', 'x',
        '--name', 'y'])
{
    ($rc, $out) = run(@$_);
    is($rc, 2, "@$_: usage");
    like($out, qr/^usage: /, 'said');
}
for (['account', 'show', 'x' x 22], ['account', 'show', 'x'],
    ['account', 'set', $client->{id}], ['key', 'add', $client->{id}],
    ['account', 'set', $client->{id}, '--emails', 'x'],
    ['key', 'add', $client->{id}, '--name', 'x', '--scopes', 'root'])
{
    ($rc, $out) = run(@$_);
    is($rc, 1, "@$_: cannot be done");
    like($out, qr/^junkmaild: /, 'said') or diag($out);
}

$jm->done;
done_testing;
