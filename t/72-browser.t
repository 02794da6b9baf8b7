# What a browser makes of cleaned mail, with CSP and sandbox switched off: no
# request leaves, no script runs, no page opens, before and after a round trip
# through innerHTML; the tree it builds is the one that was written.  For the
# mails of t/sanitiser/, the lines of t/browser/payloads.txt and, where it is,
# the whole corpus (JM_CORPUS, or beside the checkout).

use strict;
use warnings;

use lib 't/lib';
use Cwd qw(getcwd);
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use JunkMail::Chromium;
use Test::More;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);

plan skip_all => 'no chromium here' unless JunkMail::Chromium::available();

my $build  = $ENV{JM_BUILD} || 'build';
my $corpus = $ENV{JM_CORPUS} || getcwd() . '/../shared/corpus';
my @ours   = sort glob('t/sanitiser/*.{html,eml}'), glob('t/golden/*.eml');
my @real   = sort glob("$corpus/eml/*/*.eml"), glob("$corpus/html/*/*.html");
my $dir    = tempdir('jm-browser-XXXXXX', TMPDIR => 1, CLEANUP => 1);

# Tags at random, the same each time.
my @soup = map { soup($_) } 1 .. 200;

# What has got past other sanitisers, or was made to: a document a line.
open my $lines, '<:raw', 't/browser/payloads.txt' or die "payloads: $!";
my @payloads;
while (my $line = <$lines>) {
    chomp $line;
    push @payloads, document("payload-$.", $line);
}

# mails.js, cleaned
open my $clean, '|-', "$build/unit/clean_html >$dir/mails.js"
    or die "clean_html: $!";
print {$clean} "$_\n" for @ours, @soup, @payloads, @real;
ok(close $clean, 'everything is cleaned');

copy('t/browser/driver.js', $dir);
open my $page, '>', "$dir/page.html" or die "page.html: $!";
print {$page} '<!DOCTYPE html><meta charset="utf-8"><body>'
    . '<script src="mails.js"></script><script src="driver.js"></script>';
close $page;

my $chromium = JunkMail::Chromium->new(allow => ["file://$dir/"]);

# The wires are live: a page that does all three is seen doing it.
open my $bait, '>', "$dir/bait.html" or die "bait.html: $!";
print {$bait} '<img src="http://bait.example/x"><iframe srcdoc="'
    . '&lt;p onclick=1>&lt;script>open(\'about:blank\')&lt;/script>"></iframe>';
close $bait;
my $frame = $chromium->open("file://$dir/bait.html");
for (1 .. 600) {
    last if @{ $chromium->{requests} }
        && grep { $_->{frame} ne $frame } @{ $chromium->{scripts} };
    $chromium->settle(0.1);
}
is_deeply($chromium->{requests}, ['http://bait.example/x'],
    'a request is seen');
ok(scalar(grep { $_->{frame} ne $frame } @{ $chromium->{scripts} }),
    'a script is seen');

@{ $chromium->{$_} } = () for qw(requests scripts targets);
$frame = $chromium->open("file://$dir/page.html");

my $same     = $chromium->run('compareAll()');
my $failures = $chromium->run('run()');
my $count    = $chromium->run('mails.length');
$chromium->settle(0.5);

is(join("\n", @{ $same->{different} }), '',
    "$same->{count} of HTML: the tree that a browser builds of the original");
is(join("\n", @$failures), '',
    "$count mails: the tree that was written, also through innerHTML");
is(join("\n", grep { !m{^file://\Q$dir\E/} } @{ $chromium->{requests} }), '',
    'no request');
is(join("\n", map { "a script, $_->{url}" }
        grep { $_->{frame} ne $frame } @{ $chromium->{scripts} }), '',
    'no script');
is(join("\n", @{ $chromium->{targets} }), '', 'no page is opened');
diag('no corpus here (JM_CORPUS): our own mails only') unless @real;

done_testing;


# Tags that open and close in no order.
sub soup
{
    my ($n) = @_;

    my @tags = qw(p div b i a font table tr td th caption col h1 h2 pre span
                  center br hr nobr ul blockquote tbody svg math
                  object marquee applet template);
    my $next = $n * 7919;
    my $random = sub
    {
        $next = ($next * 1103515245 + 12345) % 2147483648;
        return ($next >> 8) % $_[0];
    };

    my @open;
    my $html = $n % 2 ? '' : '<!DOCTYPE html>';
    for my $word (1 .. 3 + $random->(20)) {
        my $tag = $tags[$random->(scalar @tags)];
        my $way = $random->(10);

        if ($way < 6) {
            $html .= "<$tag>";
            push @open, $tag;
        } elsif ($way < 8) {
            $html .= '</' . (@open ? $open[$random->(scalar @open)] : $tag)
                   . '>';
        } else {
            $html .= "$word";
        }
    }

    return document("soup-$n", $html);
}


sub document
{
    my ($name, $html) = @_;

    open my $file, '>:raw', "$dir/$name.html" or die "$name: $!";
    print {$file} $html;
    return "$dir/$name.html";
}
