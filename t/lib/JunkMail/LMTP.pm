package JunkMail::LMTP;

# An LMTP server that behaves as badly as it is told, and writes down what it
# was sent.
#
#   my $server = JunkMail::LMTP->new(path => $socket, plan => [
#       { at => 'message', do => 'close' },   # first connection
#       { },                                  # second and later ones: all well
#   ]);
#   my @seen = $server->seen(2);              # one hash per connection
#
# A plan's keys: caps (list, what LHLO announces; default as junkmaild),
# greeting, mail, rcpt, data, message (replies; rcpt and message may be lists,
# one per recipient), at (greeting, lhlo, mail, rcpt, data, part, message) and
# do (close, hang) there instead of the reply, delay (seconds before the replies
# to the message).

use strict;
use warnings;

use IO::Select;
use IO::Socket::UNIX;
use MIME::Base64;
use POSIX qw(_exit);
use Storable qw(nfreeze thaw);
use Time::HiRes qw(sleep time);

our @JUNKMAILD = qw(PIPELINING ENHANCEDSTATUSCODES 8BITMIME SMTPUTF8 CHUNKING
                    XDID);

sub new
{
    my ($class, %opt) = @_;

    my $self = bless { plan => [ {} ], %opt, owner => $$ }, $class;
    $self->{log} = "$self->{path}.seen";
    $self->start;
    return $self;
}

sub start
{
    my ($self) = @_;

    unlink $self->{path}, $self->{log};
    my $listen = IO::Socket::UNIX->new(Local => $self->{path}, Listen => 64)
        or die "$self->{path}: $!";
    chmod 0777, $self->{path};
    open(my $log, '>', $self->{log}) or die "$self->{log}: $!";
    close $log;

    $self->{pid} = fork() // die "fork: $!";
    return if $self->{pid};

    # The test's own output must not stay open for as long as we live.
    open(STDOUT, '>', '/dev/null');
    open(STDERR, '>', '/dev/null');
    local $SIG{CHLD} = 'IGNORE';
    my @plan = @{ $self->{plan} };
    while (1) {
        my $client = $listen->accept or next;
        my $plan = @plan > 1 ? shift @plan : $plan[0];
        my $pid  = fork() // die "fork: $!";
        if ($pid == 0) {
            close $listen;
            $self->serve($client, $plan);
            _exit(0);
        }
        close $client;
    }
}

sub stop
{
    my ($self) = @_;

    my $pid = delete $self->{pid} or return;
    kill KILL => $pid;
    waitpid($pid, 0);
    unlink $self->{path};
}

sub DESTROY
{
    my ($self) = @_;

    local ($?, $@, $!);
    $self->stop if $self->{owner} == $$;
}

# What the connections so far were sent, in the order in which they ended;
# waits a little until there are so many.
sub seen
{
    my ($self, $count) = @_;

    my $end = time() + 60;
    my @seen;
    do {
        sleep 0.02 if @seen;
        open(my $f, '<', $self->{log}) or return ();
        @seen = map { thaw(decode_base64($_)) } grep { /\n\z/ } <$f>;
    } while (@seen < ($count // 0) && time() < $end);

    return @seen;
}

# Forgets them.
sub clear { truncate $_[0]{log}, 0 }

sub serve
{
    my ($self, $client, $plan) = @_;

    my %seen = (rcpt => [], caps => $plan->{caps} // \@JUNKMAILD,
                started => time(), replies => 0);
    my $c = { client => $client, buffer => '', plan => $plan, seen => \%seen };

    local $SIG{PIPE} = 'IGNORE';
    my $end = eval { $self->talk($c); 1 } ? 'quit' : $@;

    $seen{end} = $end;
    $seen{message} //= '';
    open(my $log, '>>', $self->{log}) or die "$self->{log}: $!";
    syswrite($log, encode_base64(nfreeze(\%seen), '') . "\n");
    close $log;
}

sub talk
{
    my ($self, $c) = @_;

    my ($plan, $seen) = @$c{qw(plan seen)};

    $self->answer($c, 'greeting', '220 fake LMTP');

    while (1) {
        my $line = $self->line($c);

        if ($line =~ /^LHLO /) {
            $seen->{lhlo} = $line;
            my @caps = ('fake', @{ $seen->{caps} });
            my $last = pop @caps;
            $self->answer($c, 'lhlo', join '', map({ "250-$_\r\n" } @caps),
                          "250 $last");
        } elsif ($line =~ /^MAIL /) {
            $seen->{mail} = $line;
            $self->answer($c, 'mail', '250 2.1.0 OK');
        } elsif ($line =~ /^RCPT /) {
            push @{ $seen->{rcpt} }, $line;
            my $said = $self->answer($c, 'rcpt', '250 2.1.5 OK');
            $seen->{replies}++ if $said =~ /^2/;
        } elsif ($line eq 'DATA') {
            # Octets that came without waiting for 354.
            $seen->{early} = $c->{buffer} ne ''
                || IO::Select->new($c->{client})->can_read(0.1) ? 1 : 0;
            my $said = $self->answer($c, 'data', '354 go');
            next if $said !~ /^354/;
            $self->data($c);
            $self->messages($c);
        } elsif ($line =~ /^BDAT (\d+) LAST$/) {
            $seen->{bdat} = $1;
            $self->octets($c, $1);
            $self->messages($c);
        } elsif ($line eq 'QUIT') {
            print { $c->{client} } "221 2.0.0 bye\r\n";
            return;
        } else {
            $self->say($c, '500 5.5.1 what?');
            $seen->{strange} = $line;
        }
    }
}

# Does what the plan says for this place, or replies and returns the reply.
sub answer
{
    my ($self, $c, $place, $default) = @_;

    my $plan = $c->{plan};
    if (($plan->{at} // '') eq $place) {
        $self->hang($c) if $plan->{do} eq 'hang';
        die "closed at $place\n";
    }

    my $said = $plan->{$place} // $default;
    if (ref $said) {
        $said = @$said > 1 ? shift @$said : $said->[0];
    }
    $self->say($c, $said);
    return $said;
}

sub say
{
    my ($self, $c, $text) = @_;

    $c->{client}->print("$text\r\n");
    $c->{client}->flush;
}

sub messages
{
    my ($self, $c) = @_;

    $c->{seen}{whole} = 1;
    sleep $c->{plan}{delay} if $c->{plan}{delay};
    $self->answer($c, 'message', '250 2.0.0 stored')
        for 1 .. $c->{seen}{replies};
}

# Reads and says nothing, until the client gives up.
sub hang
{
    my ($self, $c) = @_;

    1 while sysread($c->{client}, my $bytes, 65536);
    die "client left\n";
}

sub more
{
    my ($self, $c) = @_;

    my $n = sysread($c->{client}, my $bytes, 65536);
    die "client left\n" unless $n;
    $c->{buffer} .= $bytes;
}

sub line
{
    my ($self, $c) = @_;

    $self->more($c) until $c->{buffer} =~ s/^(.*?)\r\n//s;
    return $1;
}

sub part
{
    my ($self, $c) = @_;

    if (($c->{plan}{at} // '') eq 'part') {
        $self->hang($c) if $c->{plan}{do} eq 'hang';
        die "closed at part\n";
    }
}

sub data
{
    my ($self, $c) = @_;

    # A dot may be the first line, too; what was searched is not read again.
    my ($at, $from) = (0, 0);
    $c->{buffer} = "\r\n$c->{buffer}";
    while (($at = index $c->{buffer}, "\r\n.\r\n", $from) < 0) {
        $from = length($c->{buffer}) - 4;
        $self->more($c);
    }
    $self->part($c);

    my $message = substr $c->{buffer}, 2, $at;
    substr $c->{buffer}, 0, $at + 5, '';
    $message =~ s/(^|\r\n)\.\./$1./g;
    $c->{seen}{message} = $message;
}

sub octets
{
    my ($self, $c, $n) = @_;

    $self->part($c);
    $self->more($c) while length $c->{buffer} < $n;
    $c->{seen}{message} = substr $c->{buffer}, 0, $n, '';
}

1;
