#!/usr/bin/perl

# Domains: closed, catch-all and pattern; the home of postmaster@ and abuse@;
# who may make which address.  Each question by SMTP and by LMTP, as a client
# that has not asked Redis itself.

use strict;
use warnings;

use lib 't/lib';
use JunkMail::Test;
use Test::More;

my $jm    = JunkMail::Test->new;
my $redis = $jm->{redis};
my $boss  = { key => $jm->read('operator.key') =~ s/\s+\z//r };
my $me    = $jm->account;
my $other = $jm->account;

# What the command line answers: its exit code and all it prints.
sub command
{
    my (@args) = @_;

    my $out = qx{$JunkMail::Test::BUILD/junkmaild -c $jm->{dir}/junkmail.conf @args 2>&1};
    return ($? >> 8) . " $out";
}

my %connect = (
    SMTP => sub { $jm->smtp },
    LMTP => sub { JunkMail::SMTP->new(path => $jm->lmtp_socket) },
);

# The reply to RCPT, by either.
sub rcpt
{
    my ($how, $to) = @_;

    my $s = $connect{$how}->();
    $s->cmd($how eq 'SMTP' ? 'EHLO t' : 'LHLO t');
    $s->cmd('MAIL FROM:<a@b.example>');
    return $s->cmd("RCPT TO:<$to>");
}

sub rcpt_is
{
    my ($code, @to) = @_;

    for my $to (@to) {
        like(rcpt($_, $to), qr/^\Q$code\E /, "$_, $to: $code")
            for qw(SMTP LMTP);
    }
}

my $sent = 0;

# Sends a mail by each; the subjects.
sub send_by
{
    my ($to) = @_;

    return map {
        my $subject = 'mail-' . ++$sent;
        my $s = $connect{$_}->();
        like($s->send_mail($to, "Subject: $subject\n\nx\n",
            lhlo => $_ eq 'LMTP'), qr/^250 /, "$_ to $to");
        $subject;
    } qw(SMTP LMTP);
}

sub emails
{
    my ($who, $query) = @_;

    return @{ $jm->api(GET => '/emails?fields=summary' . ($query // ''),
        key => $who->{key})->{json}{data} };
}

sub addresses
{
    my ($who) = @_;

    return map { $_->{address} => $_ }
        @{ $jm->api(GET => '/addresses?limit=100',
            key => $who->{key})->{json}{data}{addresses} };
}

# Sends by each, and both are with `who` under that address.
sub arrives
{
    my ($to, $who, $address) = @_;

    my %addresses = addresses($who);
    my $id = $addresses{$address}{id} // 'none';

    for my $subject (send_by($to)) {
        my ($mail) = grep { $_->{subject} eq $subject } emails($who);
        is_deeply([@$mail{qw(addressId to)}], [$id, $to],
            "arrives at $address");
    }
}

sub create
{
    my ($who, $alias, $domain) = @_;

    my $r = $jm->api(POST => '/addresses', key => $who->{key},
        json => { alias => $alias, domain => $domain });
    return join ' ', $r->{status}, $r->{json}{code} // ();
}


subtest 'closed' => sub {
    $jm->address($me, alias => 'known');
    rcpt_is('250 2.1.5', 'known@junkmail.test', 'KNOWN+tag@Junkmail.Test',
        '"kno\\wn"@junkmail.test', '@a.example,@b.example:known@junkmail.test');
    rcpt_is('550 5.1.1', 'unknown@junkmail.test', '"a b"@junkmail.test',
        '*@junkmail.test');
    rcpt_is('550 5.7.1', 'known@foreign.test');
};


subtest 'catch-all' => sub {
    # Made before there was a catch-all.
    $jm->admin(qw(domain add all.test));
    my %b = map { ($_ => $jm->address($other, alias => $_,
        domain => 'all.test')) } qw(lives expired stopped deleted);
    my $mine = $jm->address($me, alias => 'mine', domain => 'all.test');
    my $gone = $jm->address($me, alias => 'gone', domain => 'all.test');

    like(command("domain set all.test --policy catch-all --catch-all $me->{id}"),
        qr/^0 .*^catch-all   account $me->{id}$/ms, 'set');

    arrives('Any.Body@all.test', $me, '*@all.test');
    arrives('"a b@c>"@all.test', $me, '*@all.test');
    arrives('tag+ged@ALL.test', $me, '*@all.test');
    arrives('*@all.test', $me, '*@all.test');
    arrives('lives@all.test', $other, 'lives@all.test');
    arrives('mine@all.test', $me, 'mine@all.test');
    is(scalar(emails($me, '&q=any.body')), 2, 'found by what it was sent to');

    my @to = qw(one@all.test two+x@all.test one@all.test One@all.test);
    like($jm->send_mail(\@to, "Subject: several\n\nx\n"), qr/^250 /, 'several');
    my @several = grep { $_->{subject} eq 'several' } emails($me);
    is(join(' | ', map { $_->{to} } @several),
        'one@all.test, two+x@all.test, One@all.test',
        'are one email, which names each once');
    @to = map { "$_-" . 'x' x 50 . '@all.test' } 1 .. 30;
    like($jm->send_mail(\@to, "Subject: many\n\nx\n"), qr/^250 /, 'many');
    my ($many) = grep { $_->{subject} eq 'many' } emails($me);
    is($many->{to}, join(', ', @to[0 .. 14]), 'as far as there is room');

    $redis->cmd('HSET', "jm:{$other->{id}}:addr:$b{expired}{id}", 'expires', 1);
    $jm->api(PATCH => "/addresses/$b{stopped}{id}", key => $other->{key},
        json => { isActive => JSON::PP::false });
    $jm->api(DELETE => "/addresses/$b{deleted}{id}", key => $other->{key});
    $jm->api(DELETE => "/addresses/$gone->{id}", key => $me->{key});
    $jm->eventually(sub { $redis->cmd('HEXISTS',
        'jm:route:{deleted@all.test}', 'owner') });
    rcpt_is('550 5.2.1', map { "$_\@all.test" }
        qw(expired stopped deleted gone));

    is(create($other, 'grab', 'all.test'), '409 ALIAS_TAKEN',
        'what is caught is not for others');
    is(create($me, 'grab', 'all.test'), '201', 'but for its account');
    arrives('grab@all.test', $me, 'grab@all.test');

    $redis->cmd('HSET', "jm:{$me->{id}}", 'maxEmails', 0);
    rcpt_is('452 4.2.2', 'some@all.test');
    $redis->cmd('HSET', "jm:{$me->{id}}", 'maxEmails', 1000);

    my %a = addresses($me);
    my $r = $jm->api(DELETE => "/addresses/$a{'*@all.test'}{id}",
        key => $me->{key});
    is("$r->{status} $r->{json}{code}", '409 ADDRESS_HELD', 'not to be lost');

    like(command('domain set all.test --policy closed'), qr/^0 /, 'closed');
    rcpt_is('550 5.1.1', 'some@all.test');
    %a = addresses($me);
    ok(!$a{'*@all.test'}{isActive}, 'its address has stopped');
    is($a{'*@all.test'}{total}, 10, 'and keeps its mail');

    command('domain set all.test --policy catch-all');
    %a = addresses($boss);
    ok($a{'*@all.test'}{isActive}, "the home's account, if none is named");
};


subtest 'pattern' => sub {
    like(command("domain add pat.test --policy pattern --catch-all $me->{id}",
        "--patterns 'shop-* *.News,a*z Sole'"),
        qr/^0 .*^patterns    shop-\* \*\.news a\*z sole$/ms, 'added');

    arrives('shop-x@pat.test', $me, '*@pat.test');
    rcpt_is('250 2.1.5', 'SHOP-@pat.test', 'my.news@pat.test',
        'az@pat.test', '"a z"@pat.test', 'sole+tag@pat.test');
    rcpt_is('550 5.1.1', 'shop@pat.test', 'xshop-a@pat.test', 'a@pat.test',
        'news@pat.test', 'soles@pat.test', '*@pat.test');

    is(create($other, 'shop-a', 'pat.test'), '409 ALIAS_TAKEN', 'covered');
    is(create($other, 'free', 'pat.test'), '201', 'not covered');
    arrives('free@pat.test', $other, 'free@pat.test');
    is(create($me, 'shop-a', 'pat.test'), '201', 'covered, by its account');

    like(command("domain set pat.test --patterns ''"), qr/^1 .*needs --patterns/s, 'no pattern at all');
    like(command("domain set pat.test --patterns 'a*b*c'"), qr/^1 .*asterisk/s,
        'one asterisk');
};


subtest 'postmaster and abuse' => sub {
    for my $domain (qw(junkmail.test all.test pat.test)) {
        arrives("postmaster\@$domain", $boss, "postmaster\@$domain");
        arrives("Abuse\@$domain", $boss, "abuse\@$domain");
    }
    arrives('postmaster', $boss, 'postmaster@junkmail.test');
    rcpt_is('250 2.1.5', 'PostMaster', 'POSTMASTER+x@all.test',
        '"post\\master"@pat.test');

    my @reserved = qw(postmaster abuse hostmaster webmaster admin administrator
        security noc root mailer-daemon noreply no-reply PostMaster *);
    push @reserved, "po\x{17f}tmaster";

    is(create($me, $_, 'junkmail.test'), '409 ALIAS_TAKEN',
        'reserved: ' . ($_ =~ s/[^ -~]/?/r)) for @reserved;
    is(create($boss, 'abuse', 'all.test'), '409 ALIAS_TAKEN', 'for all');

    # A route from elsewhere does not matter.
    $redis->cmd('HSET', 'jm:route:{abuse@junkmail.test}', account => $me->{id},
        id => (values %{{ addresses($me) }})[0]{id});
    arrives('abuse@junkmail.test', $boss, 'abuse@junkmail.test');

    my %a = addresses($boss);
    my $path = "/addresses/$a{'postmaster@junkmail.test'}{id}";
    my @calls = (
        [DELETE => $path],
        [PATCH  => $path, json => { isActive => JSON::PP::false }],
        [PATCH  => $path, json => { expiresIn => 60 }],
        [DELETE => '/accounts/me'],
    );

    for my $call (@calls) {
        my $r = $jm->api(@$call, key => $boss->{key});
        is("$r->{status} $r->{json}{code}", '409 ADDRESS_HELD',
            "$call->[0] $call->[1]");
    }
    arrives('postmaster@junkmail.test', $boss, 'postmaster@junkmail.test');

    like(command("domain set junkmail.test --postmaster $me->{id}"),
        qr/^0 .*^postmaster  account $me->{id}$/ms, 'another home');
    arrives('postmaster@junkmail.test', $me, 'postmaster@junkmail.test');
    arrives('postmaster', $me, 'postmaster@junkmail.test');
    is($jm->api(DELETE => $path, key => $boss->{key})->{status}, 200,
        'the old one may go');
    like(command("domain set junkmail.test --postmaster " . 'x' x 22),
        qr/^1 .*no account/s, 'a home that is none');
    arrives('abuse@junkmail.test', $me, 'abuse@junkmail.test');

    my $held = $redis->cmd('HGET', "jm:{$other->{id}}", 'held') // 0;
    like(command("domain $_ --postmaster $other->{id}"), qr/^1 /, $_)
        for 'set junkmail.test --policy pattern', 'add bad.test --policy open',
        'set all.test --catch-all ' . 'x' x 22;
    is($redis->cmd('HGET', "jm:{$other->{id}}", 'held') // 0, $held,
        'a command that fails holds nothing');
};


subtest 'adding and removing' => sub {
    like(command('domain add all.test'), qr/^0 all\.test is already there/,
        'added again');
    like(command('domain show all.test'), qr/^policy      catch-all$/m,
        'as it was');
    like(command('domain add all.test --policy closed'), qr/^1 /,
        'changed only by set');
    like(command('domain add', "B\xc3\x9cCHER.example"),
        qr/^0 domain      xn--bcher-kva\.example$/m, 'a U-label');
    rcpt_is('250 2.1.5', 'postmaster@xn--bcher-kva.example');

    # A domain and its postmaster of a time before there were homes.
    my $id = (values %{{ addresses($boss) }})[0]{id} =~ s/^......../00000000/r;
    my ($account) = command('domain show all.test')
        =~ /^postmaster  account (\S+)$/m;
    $redis->cmd('HSET', 'jm:domain:{old.test}', state => 'active',
        policy => 'closed');
    $redis->cmd('HSET', "jm:{$account}:addr:$id", alias => 'postmaster',
        address => 'postmaster@old.test', state => 'active', expires => 0,
        map { $_ => 0 } qw(created total unread bytes));
    $redis->cmd('ZADD', "jm:{$account}:addrs", 0, $id);
    like(command('domain show old.test'), qr/^postmaster  nobody$/m, 'an old one');
    like(command("domain add old.test --key-file $jm->{dir}/operator.key"),
        qr/^0 .*account $account$/ms, 'mended');
    is({ addresses($boss) }->{'postmaster@old.test'}{id}, $id,
        'with the address it had');
    arrives('postmaster@old.test', $boss, 'postmaster@old.test');
    command('domain remove old.test');

    command('domain remove junkmail.test');
    rcpt_is('550 5.7.1', 'postmaster@junkmail.test');
    arrives('postmaster', $boss, 'postmaster@all.test');

    command("domain remove $_") for qw(all.test pat.test),
        "b\xc3\xbccher.example";
    is(command('domain list'), '0 ', 'none left');
    rcpt_is('550 5.7.1', 'postmaster');
    like(command('domain add new.test'), qr/^1 .*needs a home/s,
        'the first one names its home');
    is(command('domain list'), '0 ', 'or is not added');
    is($jm->api(DELETE => '/accounts/me', key => $boss->{key})->{status}, 200,
        'an account that is no home can be deleted');
};

$jm->done;
done_testing();
