# Every message of the corpus of real mail goes through the whole path: taken
# with 250, one event, read over REST with the subject, sender and attachments
# that another parser (Email::MIME) finds.  Where the two differ, the mail is
# broken and the row below says who is right.  Runs where the corpus is
# (JM_CORPUS, or beside the checkout).

use strict;
use warnings;

use lib 't/lib';
use Digest::SHA qw(sha1_hex);
use Email::MIME;
use Encode ();
use Encode::Alias;
use JunkMail::Test;
use Test::More;

my $corpus = $ENV{JM_CORPUS} || "$JunkMail::Test::ROOT/../shared/corpus";
my @files  = sort glob("$corpus/eml/*/*.eml");

plan skip_all => 'no corpus here (JM_CORPUS)' unless @files;

# file => what differs and why ours is right
my %known = do './t/corpus-known.pl';

define_alias(qr/^iso-8859-8-i$/i => '"iso-8859-8"');

my $jm = JunkMail::Test->new(
    workers  => 1,
    children => 2,
    http     => 'junkmail_account_rate_limit off;',
);
my $me = $jm->account;
my $to = $jm->address($me, alias => 'corpus')->{address};
my $ws = $jm->ws('/api/v1/events', key => $me->{key});
$ws->json;

my $smtp = $jm->smtp;
$smtp->cmd('EHLO corpus');
my $sent = 0;

for my $file (@files) {
    my $raw  = do { local (@ARGV, $/) = ($file); <> };
    my $name = join '/', (split m{/}, $file)[-2, -1];
    $raw =~ s/\r\n?|\n/\r\n/g;

    if (++$sent % 100 == 0) {
        $smtp->cmd('QUIT');
        $smtp = $jm->smtp;
        $smtp->cmd('EHLO corpus');
    }

    my $reply = $smtp->send_mail($to, $raw, no_ehlo => 1);

    if ($raw =~ /\0/) {
        like($reply, qr/^550 5\.6\.\d+ .*NUL/i, "$name: NUL refused");
        next;
    }
    if ($reply !~ /^250 /) {
        fail("$name: $reply");
        $smtp = $jm->smtp;
        $smtp->cmd('EHLO corpus');
        next;
    }

    my $frame = $ws->json;
    if (!$frame || $frame->{type} ne 'email.received') {
        fail("$name: no event");
        next;
    }

    my $email = $jm->api(GET => "/emails/$frame->{data}{id}",
        key => $me->{key})->{json}{data};
    if (!$email) {
        fail("$name: not readable");
        next;
    }

    my @differs = differs($raw, $email);
    my $known   = $known{$name} || '';
    is(join(' ', @differs), join(' ', grep { $_ } split / /,
        $known =~ /^([a-z ]+):/ ? $1 : ''), $name)
        or diag(detail($raw, $email));
}

my $extra = $ws->json(0.5);
is($extra, undef, 'one event each');

$smtp->cmd('QUIT');
$jm->done;
done_testing;


# Which of subject, sender, text and attachments are not as Email::MIME sees
# them.
sub differs
{
    my ($raw, $email) = @_;

    my $mime = reference($raw);
    my @differs;

    push @differs, 'subject'
        if squeeze($email->{subject}) ne squeeze($mime->{subject});
    push @differs, 'sender' if lc($email->{from} // '') ne lc $mime->{from};

    my %have = map { $_ => 1 } attachments($email);
    push @differs, 'attachments' if grep { !$have{$_} } @{ $mime->{parts} };

    push @differs, 'text' if $mime->{text} =~ /\S/
        && ($email->{bodyText} // '') !~ /\S/
        && ($email->{bodyHtml} // '') !~ /\S/;

    return @differs;
}

sub detail
{
    my ($raw, $email) = @_;

    my $mime = reference($raw);
    my $text = "subject: " . squeeze($email->{subject}) . " | "
             . squeeze($mime->{subject}) . "\nfrom: "
             . ($email->{from} // '') . " | $mime->{from}\nattachments: "
             . join(',', map { "$_->{contentType}:$_->{size}" }
                    @{ $email->{attachments} }) . " | "
             . join(',', map { substr $_, 0, 8 } @{ $mime->{parts} });
    return Encode::encode('UTF-8', $text);
}

sub reference
{
    my ($raw) = @_;

    local $SIG{__WARN__} = sub { };
    my %ref = (subject => '', from => '', text => '', parts => []);
    my $mime = eval { Email::MIME->new($raw) } or return \%ref;

    $ref{subject} = eval { $mime->header_str('Subject') } // '';
    my $bytes = eval { $mime->header_raw('Subject') } // '';
    if ($bytes =~ /[^\0-\x7f]/ && $bytes !~ /=\?/) {
        $ref{subject} = eval { Encode::decode('UTF-8', $bytes, 1) }
            // Encode::decode('cp1252', $bytes);
    }
    my ($address) = eval { $mime->header_as_obj('From')->addresses };
    $ref{from} = $address // '';
    $ref{from} =~ s/.*<|>.*| *\(.*\)//gs;

    eval {
        $mime->walk_parts(sub {
            my ($part) = @_;
            return if $part->subparts;
            my $type = lc(($part->content_type // 'text/plain') =~ s/;.*//sr);
            my $disposition = lc($part->header('Content-Disposition') // '');
            my $body = eval { $part->body } // '';
            if (($part->header('Content-Transfer-Encoding') // '') =~ /uu/i) {
                $body = unpack 'u', $body =~ s/.*?^begin [^\n]*\n//msr;
            }
            if ($type =~ m{^text/(?:plain|html)} && $disposition !~ /^attach/) {
                $ref{text} .= $body;
            } elsif ($type !~ m{^(?:text|multipart|message)/}
                     && length $body) {
                push @{ $ref{parts} }, sha1_hex($body);
            }
        });
    };

    return \%ref;
}

sub attachments
{
    my ($email) = @_;

    return map { sha1_hex($jm->http(GET => $_->{url}, key => $me->{key})
                     ->{body}) } @{ $email->{attachments} || [] };
}

sub squeeze { my $s = $_[0] // ''; $s =~ s/\s+/ /g; $s =~ s/^ | $//g; $s }
