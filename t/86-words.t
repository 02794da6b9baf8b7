# The words of the web inbox: each language has all that are used, and no other.

use strict;
use warnings;

use lib 't/lib';
use JunkMail::Inbox qw(slurp);
use Test::More;

my %words;
for my $file (glob('conf/html/lang/*.js')) {
    my ($lang) = $file =~ /(\w+)\.js$/;
    my $text = slurp($file);
    while ($text =~ /^  (?:'([^']+)'|(\w+)): (\[?.*\]?),$/mg) {
        $words{$lang}{ $1 // $2 } = $3;
    }
    is(scalar(keys %{ $words{$lang} }), () = $text =~ /^  /mg,
        "$lang: a line a word");
}
my $english = $words{en};
my $code = join '', map { slurp($_) } glob('conf/html/js/*.js');

for my $lang (sort keys %words) {
    my $here = $words{$lang};
    is_deeply([sort keys %$here], [sort keys %$english], "$lang has every word");

    # two forms are two, and the same gaps are filled
    my $shape = sub {
        my %gaps = map { $_ => 1 } $_[0] =~ /\{(\w+)\}/g;
        return join ' ', sort keys %gaps;
    };
    is("@{[ grep { $here->{$_} =~ /^\[/ && $here->{$_} !~ /^\['[^']+', '[^']+'\]$/ }
        sort keys %$here ]}", '', "$lang: two forms are two");
    for my $word (sort keys %$english) {
        is($shape->($here->{$word} // ''), $shape->($english->{$word}),
            "$lang, $word: the same gaps");
    }
    if ($lang ne 'en') {
        my @same = grep { $here->{$_} eq $english->{$_} && $here->{$_} =~ / \w+ / }
            keys %$english;
        is("@same", '', "$lang: nothing is left in English");
    }
}

my @missing = grep { !$english->{$_} } $code =~ /\bt\(\s*'([^']+)'/g;
is("@missing", '', 'every word that is used is there');

# A word stands in the code as it is, or is put together: t(`kind ${...}`).
my @made = map { qr/^\Q$_\E/ } $code =~ /`([a-z]+ )\$\{/g;
my @unused = grep {
    my $word = $_;
    $code !~ /['`]\Q$word\E['`]/ && !grep { $word =~ $_ } @made
} sort keys %$english;
is(join(', ', @unused), '', 'every word that is there is used');

unlike($code, qr/innerHTML|insertAdjacentHTML|document\.write|\beval\(/,
    'nothing parses HTML');

# Nothing is minified.  What a visitor loads is small because there is little.
my %bytes = map { $_ => -s } glob('conf/html/*.* conf/html/*/*.js');
my $code_bytes = 0;
for my $file (sort keys %bytes) {
    if ($file =~ m{/lang/}) {
        cmp_ok($bytes{$file}, '<', 8_300, "$file in bytes");
    } else {
        $code_bytes += $bytes{$file};
    }
}
cmp_ok($code_bytes, '<', 61_440, 'page, style, icons and scripts in bytes');

done_testing;
