package JunkMail::SMTP;

# An SMTP (or LMTP) client that shows every byte, for tests: it sends what it
# is told, however wrong, and returns whole replies.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Time::HiRes qw(time);

sub new
{
    my ($class, %opt) = @_;

    my $socket = $opt{path}
        ? IO::Socket::UNIX->new(Peer => $opt{path})
        : IO::Socket::INET->new(PeerAddr => $opt{host} || '127.0.0.1',
                                PeerPort => $opt{port});
    die "connect: $!" unless $socket;

    my $self = bless { socket => $socket, buffer => '',
                       timeout => $opt{timeout} || 60 }, $class;

    $self->{banner} = $self->reply unless $opt{silent};

    return $self;
}

sub banner { $_[0]{banner} }
sub socket { $_[0]{socket} }

# One whole reply, multi-line ones with their lines joined as sent; '' at the
# end of the connection, undef when nothing came in time.
sub reply
{
    my ($self) = @_;

    my $reply = '';
    my $end   = time() + $self->{timeout};

    while (1) {
        while ($self->{buffer} =~ s/^([^\n]*\n)//) {
            $reply .= $1;
            return $reply if $1 =~ /^\d{3}(?: |\r?\n)/;
        }

        my $left = $end - time();
        return undef if $left <= 0;

        # A TLS socket may hold decrypted bytes that select cannot see.
        my $pending = $self->{socket}->can('pending')
            && $self->{socket}->pending;
        if (!$pending && !IO::Select->new($self->{socket})->can_read($left)) {
            return undef;
        }

        my $n = sysread($self->{socket}, my $bytes, 65536);
        next if !defined $n && $!{EAGAIN};
        return $reply . $self->{buffer} unless $n;
        $self->{buffer} .= $bytes;
    }
}

sub send
{
    my ($self, $bytes) = @_;

    local $SIG{PIPE} = 'IGNORE';
    my $at = 0;
    while ($at < length $bytes) {
        my $n = syswrite($self->{socket}, $bytes, length($bytes) - $at, $at);
        return 0 unless defined $n;
        $at += $n;
    }
    return 1;
}

sub cmd
{
    my ($self, $line) = @_;

    $self->send("$line\r\n");
    return $self->reply;
}

sub starttls
{
    my ($self, %opt) = @_;

    require IO::Socket::SSL;
    my $reply = $self->cmd('STARTTLS');
    return $reply unless $reply =~ /^220/;

    IO::Socket::SSL->start_SSL($self->{socket}, SSL_verify_mode => 0, %opt)
        or die "TLS: $IO::Socket::SSL::SSL_ERROR";
    return $reply;
}

# Makes line ends CRLF and doubles leading dots (RFC 5321, 4.5.2).
sub wire
{
    my ($message) = @_;

    $message =~ s/\r?\n/\r\n/g;
    $message .= "\r\n" unless $message =~ /\r\n\z/;
    $message =~ s/^\./../mg;
    return "$message.\r\n";
}

# EHLO, MAIL, RCPT, DATA, message.  Returns the first reply that is not
# positive, or the one to the message.
sub send_mail
{
    my ($self, $to, $message, %opt) = @_;

    my @to   = ref $to ? @$to : ($to);
    my $from = $opt{from} // 'sender@example.com';
    my $reply;

    for my $line (($opt{no_ehlo} ? () : ($opt{lhlo} ? 'LHLO t' : 'EHLO t')),
                  "MAIL FROM:<$from>" . ($opt{mail} // ''),
                  map { "RCPT TO:<$_>" } @to)
    {
        $reply = $self->cmd($line);
        return $reply unless defined $reply && $reply =~ /^2/;
    }

    $reply = $self->cmd('DATA');
    return $reply unless defined $reply && $reply =~ /^3/;

    $self->send(wire($message));
    return $self->reply;
}

# Whether the server ends the connection.  If so it is ended on our side, too:
# the server waits for that.
sub eof
{
    my ($self) = @_;

    IO::Select->new($self->{socket})->can_read($self->{timeout}) or return 0;
    return 0 if sysread($self->{socket}, my $bytes, 65536);
    $self->close;
    return 1;
}

sub close { close $_[0]{socket} }

1;
