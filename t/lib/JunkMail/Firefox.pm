package JunkMail::Firefox;

# Headless Firefox driven by Marionette: "<length>:<JSON>" over a TCP port of
# this machine, [type, id, command, parameters] there and [1, id, error, result]
# back.  No proxy serves anything but this machine, so nothing leaves it.

use strict;
use warnings;

use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use POSIX ();
use Time::HiRes qw(sleep time);

my $BINARY = '/usr/bin/firefox-esr';

sub available { -x $BINARY }

# port => where Firefox shall listen, prefs => { name => value } besides ours.
sub new
{
    my ($class, %opt) = @_;

    my $dir   = tempdir('jm-firefox-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    my $self  = bless { dir => $dir, id => 0, buffer => '',
                        timeout => $opt{timeout} || 120 }, $class;
    my %prefs = (
        'marionette.port'                    => $opt{port},
        'network.proxy.type'                 => 1,
        'network.proxy.socks'                => '127.0.0.1',
        'network.proxy.socks_port'           => 9,
        'network.proxy.no_proxies_on'        => '127.0.0.1',
        'network.proxy.allow_hijacking_localhost' => JSON::PP::false,
        'app.normandy.enabled'               => JSON::PP::false,
        'app.update.disabledForTesting'      => JSON::PP::true,
        'browser.startup.page'               => 0,
        %{ $opt{prefs} || {} },
    );

    mkdir "$dir/profile";
    CORE::open(my $f, '>', "$dir/profile/user.js") or die "user.js: $!";
    my $json = JSON::PP->new->allow_nonref;
    printf $f "user_pref(\"%s\", %s);\n", $_, $json->encode($prefs{$_})
        for sort keys %prefs;
    close $f;

    $self->{pid} = fork() // die "fork: $!";
    if ($self->{pid} == 0) {
        CORE::open(STDOUT, '>', "$dir/log");
        CORE::open(STDERR, '>&', \*STDOUT);
        @ENV{qw(HOME MOZ_CRASHREPORTER_DISABLE)} = ($dir, 1);
        setpgrp;
        exec $BINARY, qw(--headless --no-remote --marionette
                         --remote-allow-system-access --profile),
            "$dir/profile", 'about:blank'
            or POSIX::_exit(127);
    }

    my $end = time() + $self->{timeout};
    until ($self->{socket} = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $opt{port}))
    {
        die "firefox: does not listen\n" if time() > $end;
        sleep 0.1;
    }
    $self->receive;
    $self->call('WebDriver:NewSession', {});
    return $self;
}

sub call
{
    my ($self, $command, $params) = @_;

    my $id   = ++$self->{id};
    my $json = encode_json([0, $id, $command, $params || {}]);
    syswrite $self->{socket}, length($json) . ":$json";

    my (undef, $answered, $error, $result) = @{ $self->receive };
    die "$command: answer $answered to $id\n" if $answered != $id;
    die "$command: $error->{error}: $error->{message}\n" if $error;
    return $result;
}

sub receive
{
    my ($self) = @_;

    my $end = time() + $self->{timeout};
    until ($self->{buffer} =~ /^(\d+):/ && length $self->{buffer} >= $+[0] + $1) {
        IO::Select->new($self->{socket})->can_read($end - time())
            && sysread($self->{socket}, $self->{buffer}, 65536,
                       length $self->{buffer})
            or die "firefox: no answer\n";
    }
    $self->{buffer} =~ s/^(\d+)://;
    return decode_json(substr($self->{buffer}, 0, $1, ''));
}

sub open { $_[0]->call('WebDriver:Navigate', { url => $_[1] }) }

# The value of an expression of the page, or of the promise it is.
sub run
{
    my ($self, $script) = @_;

    return $self->call('WebDriver:ExecuteScript',
        { script => "return ($script)", args => [] })->{value};
}

# Keys as a person presses them, where the focus is; "\x{e004}" is Tab
# (WebDriver 17.4.2 has the others).
sub press
{
    my ($self, @keys) = @_;

    $self->call('WebDriver:PerformActions', { actions => [{ type => 'key',
        id => 'keys', actions => [map { ({ type => 'keyDown', value => $_ },
                                         { type => 'keyUp', value => $_ }) }
                                  @keys] }] });
}

# What the console holds of pages: faults of scripts, of style sheets, and what a
# policy has forbidden.
sub said
{
    my ($self) = @_;

    $self->call('Marionette:SetContext', { value => 'chrome' });
    my $said = $self->run('Services.console.getMessageArray().filter(m => '
        . 'm instanceof Ci.nsIScriptError && m.sourceName.startsWith("http"))'
        . '.map(m => m.errorMessage)');
    $self->call('Marionette:SetContext', { value => 'content' });
    return @$said;
}

sub DESTROY
{
    my ($self) = @_;

    local ($?, $@);
    kill 'KILL', -$self->{pid};
    waitpid $self->{pid}, 0;
}

1;
