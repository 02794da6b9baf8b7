package JunkMail::Chromium;

# Headless Chromium driven by its DevTools protocol over a pipe: no port, no
# network.  Pages whose every request stops here and is written down; nothing
# resolves.  The first is there; `another` opens one that shares nothing with it,
# as a second device would, and `on` says which one is meant from now on.

use strict;
use warnings;

use File::Temp qw(tempdir);
use IO::Select;
use JSON::PP;
use POSIX ();
use Time::HiRes qw(time);

my $BINARY = '/usr/bin/chromium';

sub available { -x $BINARY }

# After new: {requests} (URLs), {scripts} (what was compiled, with its frame),
# {targets} (pages that were opened besides ours), {refused} (what its policy
# forbade a page: the page's url, Chromium's text).
sub new
{
    my ($class, %opt) = @_;

    my $dir = tempdir('jm-chromium-XXXXXX', TMPDIR => 1, CLEANUP => 1);

    pipe(my $their_in, my $our_out) or die "pipe: $!";
    pipe(my $our_in, my $their_out) or die "pipe: $!";

    my $pid = fork() // die "fork: $!";
    if ($pid == 0) {
        # the pipe's ends may lie on 3 and 4 the wrong way round
        my $in  = POSIX::dup(fileno $their_in);
        my $out = POSIX::dup(fileno $their_out);
        POSIX::dup2($in, 20);
        POSIX::dup2($out, 21);
        POSIX::dup2(20, 3);
        POSIX::dup2(21, 4);
        POSIX::close($_) for 5 .. 30;
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', "$dir/stderr";
        $ENV{HOME} = $dir;
        setpgrp;
        exec $BINARY, '--headless=new', '--no-sandbox', '--disable-gpu',
            '--remote-debugging-pipe', "--user-data-dir=$dir/profile",
            '--host-resolver-rules=MAP * ~NOTFOUND', '--no-first-run',
            '--disable-background-networking', '--disable-component-update',
            '--disable-default-apps', '--disable-extensions', '--disable-sync',
            '--disable-dev-shm-usage', '--hide-scrollbars',
            '--allow-file-access-from-files', @{ $opt{args} || [] },
            'about:blank'
            or POSIX::_exit(127);
    }

    my $self = bless { pid => $pid, dir => $dir, in => $our_in,
                       out => $our_out, buffer => '', id => 0,
                       allow => $opt{allow} || [], requests => [],
                       scripts => [], targets => [], refused => [],
                       timeout => $opt{timeout} || 300 }, $class;

    $self->page;
    return $self;
}

# Our first page.
sub page
{
    my ($self) = @_;

    $self->call('Target.setDiscoverTargets', { discover => JSON::PP::true });
    my ($ours) = grep { $_->{type} eq 'page' }
        @{ $self->call('Target.getTargets')->{targetInfos} };
    $self->{target} = $ours->{targetId};
    $self->watch($ours->{targetId});
}

# A page of another browser context.
sub another
{
    my ($self) = @_;

    local $self->{session};
    local $self->{target};
    my $context = $self->call('Target.createBrowserContext');
    my $target  = $self->call('Target.createTarget',
        { url => 'about:blank', %$context })->{targetId};
    return $self->watch($target);
}

# All calls go to this page from now on.
sub on
{
    my ($self, $session) = @_;

    $self->{session} = $session;
    return $self;
}

sub watch
{
    my ($self, $target) = @_;

    $self->{session} = $self->call('Target.attachToTarget',
        { targetId => $target, flatten => JSON::PP::true })->{sessionId};

    $self->call("$_.enable") for qw(Page Network Debugger Log);
    $self->call('Fetch.enable', { patterns => [{ urlPattern => '*' }] });
    return $self->{session};
}

sub send
{
    my ($self, $method, $params, $session) = @_;

    my $id = ++$self->{id};
    $session ||= $self->{session};
    my $json = encode_json({ id => $id, method => $method,
        params => $params || {},
        $session ? (sessionId => $session) : () }) . "\0";

    while (length $json) {
        my $n = syswrite($self->{out}, $json) // die "chromium: $!";
        substr($json, 0, $n, '');
    }
    return $id;
}

# Returns the result; dies with the protocol's words.
sub call
{
    my ($self, $method, $params) = @_;

    my $id  = $self->send($method, $params);
    my $end = time() + $self->{timeout};

    while (my $message = $self->receive($end - time())) {
        next unless ($message->{id} // 0) == $id;
        die "$method: $message->{error}{message}\n" if $message->{error};
        return $message->{result};
    }

    die "$method: no answer from chromium\n";
}

# One message; events are dealt with on the way.
sub receive
{
    my ($self, $seconds) = @_;

    my $end = time() + $seconds;
    while ($self->{buffer} !~ /\0/) {
        my $left = $end - time();
        return if $left <= 0
            || !IO::Select->new($self->{in})->can_read($left)
            || !sysread($self->{in}, $self->{buffer}, 65536,
                        length $self->{buffer});
    }

    $self->{buffer} =~ s/^([^\0]*)\0//;
    my $message = decode_json($1);
    $self->event($message->{method}, $message->{params}, $message->{sessionId})
        if $message->{method};
    return $message;
}

sub event
{
    my ($self, $method, $params, $session) = @_;

    if ($method eq 'Fetch.requestPaused') {
        my $url = $params->{request}{url};
        my $own = grep { index($url, $_) == 0 } @{ $self->{allow} };
        push @{ $self->{requests} }, $url unless $own;
        $self->send($own ? ('Fetch.continueRequest',
                            { requestId => $params->{requestId} })
                         : ('Fetch.failRequest',
                            { requestId   => $params->{requestId},
                              errorReason => 'BlockedByClient' }), $session);

    } elsif ($method eq 'Network.webSocketCreated') {
        push @{ $self->{requests} }, $params->{url};

    } elsif ($method eq 'Debugger.scriptParsed') {
        push @{ $self->{scripts} },
            { url => $params->{url},
              frame => $params->{executionContextAuxData}{frameId},
              id => $params->{scriptId} };

    } elsif ($method eq 'Log.entryAdded') {
        my ($url, $text, $source) = @{ $params->{entry} }{qw(url text source)};
        push @{ $self->{refused} }, { url => $url // '', text => $text }
            if $source eq 'security';

    } elsif ($method eq 'Target.targetCreated') {
        push @{ $self->{targets} }, $params->{targetInfo}{url}
            if $self->{target} && $params->{targetInfo}{type} eq 'page';

    } elsif ($method eq 'Page.javascriptDialogOpening') {
        push @{ $self->{scripts} }, { url => 'dialog', frame => '' };
        $self->send('Page.handleJavaScriptDialog',
            { accept => JSON::PP::false }, $session);
    }
}

# Opens a page and waits until it is loaded.
sub open
{
    my ($self, $url) = @_;

    my $frame = $self->call('Page.navigate', { url => $url })->{frameId};
    my $end = time() + $self->{timeout};
    while (my $message = $self->receive($end - time())) {
        return $frame if ($message->{method} // '') eq 'Page.loadEventFired';
    }
    die "$url: not loaded\n";
}

# The value of an expression, or of the promise it is.
sub run
{
    my ($self, $script) = @_;

    my $answer = $self->call('Runtime.evaluate', { expression => $script,
        awaitPromise => JSON::PP::true, returnByValue => JSON::PP::true });
    die "$script: $answer->{exceptionDetails}{exception}{description}\n"
        if $answer->{exceptionDetails};
    return $answer->{result}{value};
}

# Takes what is still on its way for so long.
sub settle
{
    my ($self, $seconds) = @_;

    my $end = time() + $seconds;
    while ($self->receive($end - time())) { }
}

sub DESTROY
{
    my ($self) = @_;

    local ($?, $@);
    kill 'KILL', -$self->{pid};
    waitpid $self->{pid}, 0;
}

1;
