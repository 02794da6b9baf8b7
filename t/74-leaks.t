# Every way in which opening a mail could tell on its reader, one mail each in
# t/sanitiser/, numbered as in the specification's list.  What would be fetched
# is at leak.example: that name may be in the cleaned mail only behind a link's
# href or as text.  A mail says itself what else must stay and what must go
# (keep: and drop: in its first comment, X-Keep and X-Drop in its header).
# t/72-browser.t opens the same mails in a browser.

use strict;
use warnings;

use JSON::PP;
use Test::More;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

my $build = $ENV{JM_BUILD} || 'build';
my @files = sort glob('t/sanitiser/*');
my %rows  = map { m{/(\d\d)-} ? ($1 => 1) : () } @files;

is(join(' ', sort keys %rows), join(' ', map { sprintf '%02d', $_ } 1 .. 43),
    'a mail for each row');

my $list = join ' ', @files;
my $out  = qx(ls $list | $build/unit/clean_html);
$out =~ s/^mails = //;
$out =~ s/,\n\];\n$/]/;
my %mail = map { $_->{file} => $_ } @{ decode_json($out) };

for my $file (@files) {
    my $clean = $mail{$file}{clean} // '';
    my $source = do { local (@ARGV, $/) = ($file); <> };
    utf8::decode($source);
    my @keep = $source =~ /^(?:X-Keep|keep): (.+)$/mg;
    my @drop = $source =~ /^(?:X-Drop|drop): (.+)$/mg;
    my @wrong;

    push @wrong, "lost: $_"  for grep { index($clean, $_) < 0 } @keep;
    push @wrong, "there: $_" for grep { index($clean, $_) >= 0 } @drop;
    push @wrong, 'tripwire in a tag' if $clean =~ /<[^>]*tripwire/;
    push @wrong, "changes when cleaned again: $mail{$file}{again}"
        if exists $mail{$file}{again};

    (my $rest = $clean) =~ s/ href="[^"]*"//g;
    push @wrong, 'leak.example in a tag' if $rest =~ /<[^>]*leak\.example/;

    is(join("\n", @wrong), '', $file) or diag($clean);
}

done_testing;
