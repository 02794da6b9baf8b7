# The README tells every directive, variable, option and launcher variable, each
# in a table row of its own with its default; and names nothing that is not.

use strict;
use warnings;

use Test::More;

sub slurp { open(my $f, '<', $_[0]) or die "$_[0]: $!"; local $/; return <$f> }

my $readme = slurp('README.md');
my $module = join '', map { slurp($_) } glob('ngx_junkmail_module/*.c');
my $conf   = slurp('backend/conf.c');
my $run    = slurp('conf/junkmail-run');

# A row: | `name …` | default | meaning |
my %row;
while ($readme =~ m{^\| `\$?([A-Za-z_]++)(?! /)[^`]*` \| ([^|]*) \| ([^|]*) \|}mg) {
    $row{$1} = [$2, $3];
}

my %seen;
my $has = sub {
    my ($kind, $name) = @_;
    $seen{$name} = 1;
    ok($row{$name} && $row{$name}[0] =~ /\S/ && $row{$name}[1] =~ /\S/,
        "$kind $name has its row, its default and its meaning");
};

my @directives = grep { $_ ne 'junkmail' } $module =~
    /(?:\{\s*ngx_string|_SLOT)\("([a-z_]+)"\)?,\s*(?:NGX_[A-Z]+_CONF|NGX_(?:HTTP|STREAM)_|NGX_JUNKMAIL_CONF|ngx_)/g;
my @variables = $module =~ /_VARIABLE\(\s*"(junkmail_[a-z_]+)"/g;
my @options    = $conf   =~ /\{\s*"([a-z_]+)",/g;
my @launcher   = $run    =~ /^([A-Z]+)=\$\{/mg;

cmp_ok(scalar @directives, '>', 10, 'directives found in the code');
cmp_ok(scalar @variables,  '>', 3,  'variables found in the code');
cmp_ok(scalar @options,    '>', 5,  'options found in the code');
cmp_ok(scalar @launcher,   '>', 4,  'launcher variables found');

$has->('directive', $_) for @directives;
$has->('variable',  $_) for @variables;
$has->('option',    $_) for @options;
$has->('launcher variable', $_) for grep { $_ ne 'BUILD' } @launcher;

for my $name (sort keys %row) {
    ok($seen{$name}, "`$name` of the README exists");
}

# Every file of the sources is in the tour, or covered by the line of its
# header's source.
for my $file (glob('ngx_junkmail_module/*.c backend/*.c backend/common/*.c'),
              glob('backend/store/*.lua'), glob('conf/html/*.* conf/html/*/*.js'))
{
    my $name = $file =~ s{^conf/html/}{}r;
    $name = (split m{/}, $file)[-1] if $name eq $file;
    like($readme, qr/`\Q$name\E`/, "$name is in the tour");
}

done_testing;
