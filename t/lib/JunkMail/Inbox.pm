package JunkMail::Inbox;

# The web inbox as conf/nginx.conf serves it, in Chromium, and what its tests do
# there.  `start` first; the rest is about the page it opened.

use strict;
use warnings;

use Exporter 'import';
use JSON::PP;
use JunkMail::Chromium;
use JunkMail::Test;
use Test::More;

our @EXPORT = qw(axe offline press screen slurp until_true wide);

my ($c, $axe);

sub slurp { open(my $f, '<', $_[0]) or die "$_[0]: $!"; local $/; return <$f> }

# nginx with our page, for whatever browser; the options are those of Test.
sub serve
{
    my (%opt) = @_;

    my ($page) = slurp('conf/nginx.conf')
        =~ m{^        location / \{\n(.*?)^        \}}ms;
    my $jm = JunkMail::Test->new(page => $page, %opt);

    system("cp -R conf/html/. $jm->{dir}/ && chmod -R a+rX $jm->{dir}") == 0
        or die 'cp';
    binmode Test::More->builder->$_, ':utf8' for qw(output failure_output);
    return ($jm, "http://127.0.0.1:$jm->{http_port}/");
}

# Returns the servers, Chromium and the address of the page.
sub start
{
    my ($class, %opt) = @_;

    plan skip_all => 'no chromium here' unless JunkMail::Chromium::available();

    my ($jm, $base) = serve(%opt);
    $c = JunkMail::Chromium->new(allow => [$base], args => [
        '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
        '--lang=en-US', '--disable-features=IsolateSandboxedIframes']);
    return ($jm, $c, $base);
}

# The value of an expression as soon as it is true.
sub until_true
{
    my ($script, $name) = @_;

    my $value;
    my $end = time() + 60;
    while (time() < $end) {
        $value = eval { $c->run($script) };
        last if $value;
        $c->settle(0.05);
    }
    ok($value, $name) or diag("$script: ", $@ || 'not true');
    return ref $value ? 1 : $value // '';
}

# A key, with the text it types, if any, and 8 for Shift.
sub press
{
    my ($key, $code, $text, $with) = @_;

    my %key = (key => $key, windowsVirtualKeyCode => $code, code => $key,
               modifiers => $with || 0, $text ? (text => $text) : ());
    $c->call('Input.dispatchKeyEvent', { type => $text ? 'keyDown' : 'rawKeyDown',
                                         %key });
    $c->call('Input.dispatchKeyEvent', { type => 'keyUp', %key });
    $c->settle(0.1);
}

sub offline
{
    my ($yes) = @_;

    $c->call('Network.emulateNetworkConditions', { latency => 0,
        offline => $yes ? JSON::PP::true : JSON::PP::false,
        downloadThroughput => -1, uploadThroughput => -1 });
}

# How large the window is; light or dark; nothing moves.
sub screen
{
    my ($width, $height, $scheme) = @_;

    $c->call('Emulation.setDeviceMetricsOverride', { width => $width,
        height => $height, deviceScaleFactor => 1, mobile => JSON::PP::false });
    $c->call('Emulation.setEmulatedMedia', { features => [
        { name => 'prefers-color-scheme', value => $scheme || 'light' },
        { name => 'prefers-reduced-motion', value => 'reduce' }] });
}

sub wide
{
    my ($name) = @_;

    cmp_ok($c->run('document.documentElement.scrollWidth - innerWidth'), '<=', 0,
        "$name: nothing is wider than the window");
}

# No serious fault by axe-core, fetched once through npm; or none against one
# of its rules.
sub axe
{
    my ($name, $rule) = @_;

    my $only = $rule ? "runOnly: ['$rule']," : '';

    $axe //= do {
        # Several tests may ask at the same time.
        my $file = 't/browser/node_modules/axe-core/axe.min.js';
        system("flock t/browser/package.json sh -c '[ -f $file ] || npm ci "
            . '--prefix t/browser --no-audit --no-fund --ignore-scripts '
            . "--silent' >/dev/null 2>&1");
        -f $file ? slurp($file) : '';
    };
    SKIP: {
        skip "$name: npm has not brought axe-core", 1 unless $axe;
        eval { $c->run("$axe\n;1") } unless $c->run('!!window.axe');
        my $said = $c->run(qq{axe.run(document, { $only iframes: false })} . q{.then(r =>
            r.violations.filter(v => /serious|critical/.test(v.impact)).map(v =>
                `${v.id}: ${v.nodes.map(n => n.html).join(' ')}`).join('\n'))});
        is($said, '', "axe-core: $name");
    }
}

1;
