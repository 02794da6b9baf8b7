package JunkMail::Frames;

# Frames as a client writes them, right and wrong, and what a server answers,
# as words.  For t/41-push-*.t.

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT_OK = qw(answers close_frame frame);

my $MASK = "\x12\x34\x56\x78";

# A frame that begins with the octet `first`: FIN, RSV, opcode.  `form` (7, 16
# or 64 bits) overrides how the length is written; `bare` leaves the mask out.
sub frame
{
    my ($first, $payload, %opt) = @_;

    my $n    = length $payload;
    my $form = $opt{form} // ($n < 126 ? 7 : $n < 65536 ? 16 : 64);
    my $mask = $opt{bare} ? 0 : 128;
    my $head = $form == 7  ? pack('CC', $first, $mask | $n)
             : $form == 16 ? pack('CCn', $first, $mask | 126, $n)
             :               pack('CCQ>', $first, $mask | 127, $n);

    return $head . $payload if $opt{bare};
    return $head . $MASK . ($payload ^ substr($MASK x ($n / 4 + 1), 0, $n));
}

sub close_frame { frame(0x88, pack('n', $_[0]) . ($_[1] // '')) }

# What the server says, `until` so many words or the end: pong(x) and ping(x)
# for control frames, the text of text frames, close(code), eof.
sub answers
{
    my ($ws, $until) = @_;

    my @words;
    while (!defined $until || @words < $until) {
        my $f = $ws->next_frame;
        if (!$f) {
            push @words, $ws->{eof} ? 'eof' : 'silence';
            last;
        }
        if ($f->{opcode} == 8) {
            push @words, length $f->{data}
                ? 'close(' . unpack('n', $f->{data}) . ')' : 'close()';
            next;
        }
        push @words, $f->{opcode} == 10 ? "pong($f->{data})"
                   : $f->{opcode} == 9  ? "ping($f->{data})" : $f->{data};
    }
    return join ' ', @words;
}

1;
