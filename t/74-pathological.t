# Mails made to hurt, through the whole of it (junkmaild --clean, in a worker's
# sandbox): each is read in time that grows with its size only, within the
# memory of one message, and what comes out is JSON.

use strict;
use warnings;

use lib 't/lib';
use File::Temp qw(tempdir);
use JSON::PP;
use JunkMail::Test;
use MIME::Base64;
use Test::More;

# LeakSanitizer cannot look into a process that has given up its privileges.
$ENV{ASAN_OPTIONS} = 'detect_leaks=0';

my $daemon  = "$JunkMail::Test::BUILD/junkmaild";
my $dir     = tempdir(CLEANUP => 1);
my $scale   = $JunkMail::Test::SAN ? 0.1 : 1;
my $seconds = 5;    # of processor time; all take less than a tenth of it
my $head    = "Subject: x\r\nMIME-Version: 1.0\r\n";

sub n    { int $_[0] * $scale }
sub type { "${head}Content-Type: $_[0]\r\n\r\n$_[1]" }
sub html { type('text/html', $_[0]) }
sub css  { html("<style>$_[0]</style><p class=a>x") }
sub text { "$head\r\n$_[0]" }

sub each_of { my ($n, $sub) = @_; join '', map { $sub->($_) } 1 .. n($n) }

# Rich text of so many open groups in a winmail.dat.
sub tnef
{
    my $rtf   = '{\rtf1' . '{' x n(1_000_000);
    my $value = pack('VVa4V', length($rtf) + 12, length $rtf, 'MELA', 0) . $rtf;
    $value .= "\0" x (-length($value) % 4);
    $value = pack('VvvVV', 1, 0x102, 0x1009, 1, length $value) . $value;
    return encode_base64(pack('VvCVV', 0x223e9f78, 1, 1, 0x69003, length $value)
        . $value . "\0\0");
}

my %mail = (
    'attributes'      => html('<p ' . each_of(200_000, sub { "a$_[0]=1 " })),
    'nested div'      => html('<div>' x n(100_000)),
    'nested b'        => html('<b>' x n(100_000)),
    'nested tables'   => html('<table><tr><td>' x n(50_000)),
    'formatting'      => html('<a><b><i><u>' x n(25_000)),
    'misnested'       => html('<a><table><b>x</a></table>' x n(20_000)),
    '2 MiB of <'      => html('<' x n(2 << 20)),
    '2 MiB of &'      => html('&' x n(2 << 20)),
    '2 MiB of <!'     => html('<!' x n(1 << 20)),
    '2 MiB of <a'     => html('<a ' x n(700_000)),
    'comments'        => html('<!--' x n(500_000)),
    'selectors'       => css('a,' x n(100_000) . 'a{color:red}'),
    'rules'           => css('.a .a .a .a{color:red}' x n(12_000))
                         . '<div class=a>' x n(150)
                         . '<p class=a>x</p>' x n(20_000),
    'css brackets'    => css('(' x n(250_000)),
    'css braces'      => css('a{' x n(120_000)),
    'css @media'      => css('@media screen{' x n(18_000)),
    'css comments'    => css('/*' x n(120_000)),
    'css escapes'     => css('\\' x n(250_000)),
    'inline styles'   => html(('<p style="' . 'color:red;' x 6000 . '">x')
                         x n(100)),
    'calc()'          => html(('<p style="width:' . 'calc(' x 5000 . '">x')
                         x n(50)),
    'links'           => html(each_of(30_000,
                         sub { "<a href=//h$_[0].test/>http://g$_[0].test/</a>"
                         })),
    'pixels'          => html(each_of(30_000,
                         sub { "<img src=http://h$_[0].test/?$_[0] width=1>" })),
    'long addresses'  => html(('<a href="http://e.test/?' . 'utm_a=1&' x 900
                         . '">x</a>') x n(250)),
    'redirects'       => html(('<a href="https://www.google.com/url?q='
                         . 'https%3A//www.google.com/url%3Fq=' x 200
                         . '">x</a>') x n(250)),
    'parts'           => type('multipart/mixed; boundary=b',
                         "--b\r\nContent-Type: image/gif\r\n\r\nx\r\n"
                         x n(20_000)),
    'nested parts'    => $head . join('', map {
                         "Content-Type: multipart/mixed; boundary=b$_\r\n\r\n"
                         . "--b$_\r\n" } 1 .. 500),
    'boundaries'      => type('multipart/mixed; boundary=b',
                         "--b\r\n" x n(300_000)),
    'dashes'          => type('multipart/mixed; boundary=' . '-' x 150,
                         ('-' x 151 . "\r\n") x n(40_000)),
    'a long header'   => 'Subject: ' . 'x' x n(1_000_000) . "\r\n\r\nx",
    'a folded header' => 'Subject:' . "\r\n x" x n(300_000) . "\r\n\r\nx",
    'an indented one' => "Received: x\r\n" . ' ' x n(2_000_000)
                         . "From: a\@b.test\r\n\r\nx",
    'headers'         => each_of(200_000, sub { "X-$_[0]: y\r\n" }) . "\r\nx",
    'encoded words'   => 'Subject:' . ' =?utf-8?Q?a?=' x n(60_000) . "\r\n\r\n",
    'addresses'       => 'From: ' . 'a@b.test, ' x n(50_000) . "\r\nCc: "
                         . '(' x n(60_000) . "\r\n\r\n",
    'receipts'        => "Return-Receipt-To: a\@b.test\r\n" x n(20_000)
                         . "\r\n",
    'parameters'      => $head . 'Content-Type: text/plain'
                         . each_of(50_000, sub { ";\r\n name*$_[0]*=utf-8''a" })
                         . "\r\n\r\nx",
    'a file name'     => type('multipart/mixed; boundary=b',
                         "--b\r\nContent-Disposition: attachment"
                         . each_of(50_000, sub { ";\r\n filename*" . $_[0] % 7
                         . '=a' }) . "\r\n\r\nx"),
    'text links'      => text('http://a.test/' x n(100_000)),
    'text of links'   => text('http://a.b/ ' x n(170_000)),
    'text brackets'   => text('http://a' . '(' x n(1_000_000)),
    'text www'        => text('www.' x n(400_000)),
    'quotes'          => text(('>' x 500 . "\r\n") x n(3000)),
    'flowed'          => type('text/plain; format=flowed',
                         "> a \r\n>> b \r\n" x n(100_000)),
    'codes'           => text('code 123456 code 1 2 3 4 5 6 ' x n(60_000)),
    'uuencode'        => text(("begin 644 x\r\nM" . '!' x 60 . "\r\n")
                         x n(20_000)),
    'begin'           => text("begin 644 x\r\n" x n(100_000)),
    'uu files'        => text("begin 644 x\r\n#86)C\r\n`\r\nend\r\n"
                         x n(20_000)),
    'events'          => type('text/calendar', "BEGIN:VEVENT\r\nSUMMARY:x\r\n"
                         . "END:VEVENT\r\n" x n(20_000)),
    'a folded event'  => type('text/calendar', "BEGIN:VEVENT\r\nSUMMARY:x"
                         . "\r\n y" x n(300_000)),
    'card parameters' => type('text/vcard', "BEGIN:VCARD\r\n"
                         . 'TEL' . ';A="' x n(60_000) . ":1\r\n"),
    'digest'          => type('multipart/digest; boundary=b',
                         "--b\r\n\r\nSubject: y\r\n\r\nz\r\n" x n(1000)),
    'mails in mails'  => $head . "Content-Type: message/rfc822\r\n\r\n"
                         x n(300),
    'winmail.dat'     => $head . "Content-Type: application/ms-tnef\r\n"
                         . "Content-Transfer-Encoding: base64\r\n\r\n" . tnef(),
    'base64'          => $head . "Content-Type: text/html\r\n"
                         . "Content-Transfer-Encoding: base64\r\n\r\n"
                         . 'PGE+' x n(1_500_000),
    'soft ends'       => $head . "Content-Transfer-Encoding: quoted-printable"
                         . "\r\n\r\n" . "=\r\n" x n(800_000),
    'utf-7'           => type('text/html; charset=utf-7', '+ADw-' x n(400_000)),
    'iso-2022-jp'     => type('text/html; charset=iso-2022-jp',
                         "\e\$B\e(B" x n(300_000)),
    'fillers'         => html('<p>' . '&zwnj;&nbsp;&shy;' x n(120_000)),
);

for my $name (sort keys %mail) {
    open(my $in, '>:raw', "$dir/in") or die $!;
    print $in $mail{$name};
    close $in;

    my @before = times;
    system("$daemon --clean <$dir/in >$dir/out 2>$dir/err");
    my @after = times;
    my $rc    = $?;
    my $spent = $after[2] + $after[3] - $before[2] - $before[3];

    open(my $err, '<', "$dir/err") or die $!;
    is($rc . join('', <$err>), '0', "$name: read");
    cmp_ok($spent, '<', $seconds, "$name: in time");
    open(my $out, '<:raw', "$dir/out") or die $!;
    my $json = do { local $/; <$out> };

    # JSON::PP is no parser for megabytes; fuzz_message.c checks those, too.
    ok(length $json < 50_000 ? eval { decode_json($json) }
        : $json =~ /^\{"isRead":/ && $json =~ /\}\n\z/, "$name: JSON");
}

done_testing;
