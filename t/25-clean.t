# junkmaild --clean: a mail on standard input is cleaned as a delivery would
# clean it, without Redis, in the sandbox of a worker; what it says and exits
# with when it cannot.

use strict;
use warnings;

use lib 't/lib';
use File::Temp qw(tempdir);
use IPC::Open3;
use JSON::PP;
use JunkMail::Test;
use Test::More;

my $daemon = "$JunkMail::Test::BUILD/junkmaild";
my $dir    = tempdir(CLEANUP => 1);

# LeakSanitizer cannot look into a process that has given up its privileges.
$ENV{ASAN_OPTIONS} = "detect_leaks=0";

# clean(MAIL, ARGUMENTS…) -> (exit code, standard output, standard error)
sub clean
{
    my ($mail, @args) = @_;

    open(my $in, '>:raw', "$dir/in") or die $!;
    print $in $mail;
    close $in;
    system("$daemon @args <$dir/in >$dir/out 2>$dir/err");
    return ($? & 127 ? "signal " . ($? & 127) : $? >> 8,
            map { slurp("$dir/$_") } qw(out err));
}

sub slurp { open(my $f, '<:raw', $_[0]) or die $_[0]; local $/; <$f> // '' }

# What the golden files say, which the unit test holds against a delivery.
my %own = map { $_ => 1 } qw(id addressId to receivedAt attachments);
for my $eml (glob 't/golden/*.eml') {
    my ($name) = $eml =~ m{([^/]+)\.eml$};
    my $mail = slurp($eml);
    my ($rc, $out, $err) = clean($mail, '--clean');
    is("$rc $err", '0 ', "$name: exit code");
    my $got  = eval { decode_json($out) } || {};
    my $want = decode_json(slurp($eml =~ s/eml$/json/r));
    is_deeply([map { $got->{$_} } grep { !$own{$_} } sort keys %$want],
              [map { $want->{$_} } grep { !$own{$_} } sort keys %$want],
              "$name: the Email object");
    is_deeply([map { JSON::PP::is_bool($got->{$_}) && !$got->{$_} }
               qw(isRead isStarred isDeleted)], [1, 1, 1], "$name: flags");
    ($rc, $out) = clean($mail, '--clean', '--html');
    is($rc, 0, "$name: exit code of --html");
    ok($out eq slurp($eml =~ s/eml$/html/r), "$name: the page");
}

my ($rc, $out, $err) = clean('', '--clean');
is($rc, 0, 'an empty mail');
is(decode_json($out)->{subject}, '', 'has no subject');

# Usage.
for my $args ('--html', '--clean -t', '--clean domain list', '--clean x',
              '--clean --html=x', '--cleaner')
{
    ($rc, $out, $err) = clean("Subject: x\n\nx", $args);
    is($rc, 2, "\"$args\" is an error of usage");
    is($out, '', 'that prints nothing');
}

# Options of the file hold.
open(my $conf, '>', "$dir/conf") or die $!;
print $conf "message_size 64k;\n";
close $conf;
my $head = "Subject: large\n\n";
my $fits = $head . 'x' x (65536 - length $head);
($rc, $out, $err) = clean($fits, '-c', "$dir/conf", '--clean');
is($rc, 0, 'message_size fits');
($rc, $out, $err) = clean($fits . 'x', '-c', "$dir/conf", '--clean');
is($rc, 3, 'one byte more does not');
like($err, qr/larger than message_size, 65536 bytes/, 'and it says so');
is($out, '', 'prints nothing');

($rc, $out, $err) = clean($fits, '-c', "$dir/none", '--clean');
is($rc, 1, 'no such file');
like($err, qr{\Q$dir\E/none: No such file}, 'is named');

system("$daemon --clean <t/golden/plain.eml >/dev/full 2>$dir/err");
is($? >> 8, 1, 'a full disk');
like(slurp("$dir/err"), qr/standard output: No space/, 'is told');

# The sandbox: what a worker gives up is given up before the first byte.
my $pid = open3(my $to, my $from, undef, $daemon, '--clean');
my %status;
for (1 .. 200) {
    %status = slurp("/proc/$pid/status") =~ /^(\w+):\s+(.*)$/mg;
    last if $status{NoNewPrivs};
    select undef, undef, undef, 0.05;
}
is($status{NoNewPrivs}, 1, 'no new privileges');
my %limit = slurp("/proc/$pid/limits") =~ /^(Max \w+(?: \w+)?)\s+(\d+) /mg;
is($limit{'Max open files'}, 64, '64 files');
SKIP: {
    skip 'ASan needs address space', 1 if $JunkMail::Test::SAN;
    is($limit{'Max address space'}, 536870912, '512 MiB');
}
SKIP: {
    skip 'not root', 1 if $>;
    like($status{Uid}, qr/^(?!0\b)(\d+)\s+\1\s+\1\s+\1$/, 'not root');
}
close $to;
1 while <$from>;
waitpid $pid, 0;
is($?, 0, 'and it ends well');

done_testing;
