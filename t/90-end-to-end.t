# The newcomer's path over real sockets: an account, an address, a WebSocket; a
# hostile mail by swaks; the frame; the cleaned mail over REST; flags, bin,
# deletion; and everything still there after all three processes restarted.

use strict;
use warnings;

use lib 't/lib';
use JunkMail::Test;
use MIME::Base64;
use Test::More;

my $jm = JunkMail::Test->new;

my $account = $jm->account;
like($account->{key}, qr/^jm_live_[0-9A-Za-z]{71}\z/, 'an account and its key');
my @auth = (key => $account->{key});

my $address = $jm->address($account, alias => 'you-choose');
is($address->{address}, 'you-choose@junkmail.test', 'an address of my choice');

my $ws = $jm->ws('/api/v1/events', @auth);
is($ws->{status}, 101, 'a WebSocket');
is($ws->json->{type}, 'hello', 'says hello');

my $png = decode_base64('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4'
    . '2mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==');
my $mail = <<"MAIL";
From: =?utf-8?q?J=C3=BCrgen?= <juergen\@example.com>
To: you-choose\@junkmail.test
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= and a script
Message-ID: <e2e\@example.com>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=outer

--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=utf-8

Your code is 493817.
--inner
Content-Type: text/html; charset=utf-8

<html><head><script>alert(1)</script><meta http-equiv=refresh content="0;url=https://evil.example/"></head>
<body onload="alert(2)"><p>Hello <b>there</b>, <a href="javascript:alert(3)">x</a>
<a href="https://shop.example/?id=7">shop</a></p>
<img src="https://images.example/big.png" width=300 height=200 alt="A picture">
<img src="https://track.example/open.gif?u=1" width=1 height=1>
<div style="background:url(https://evil.example/bg.png);color:red">red</div>
</body></html>
--inner--
--outer
Content-Type: application/pdf; name="Rechnung.pdf"
Content-Disposition: attachment; filename="Rechnung.pdf"
Content-Transfer-Encoding: base64

@{[ encode_base64($png) ]}
--outer--
MAIL

$jm->write('mail.eml', $mail);
my $swaks = `swaks --silent 2 --server 127.0.0.1:$jm->{smtp_port} --tls --from juergen\@example.com --to you-choose\@junkmail.test --data \@$jm->{dir}/mail.eml 2>&1`;
is($?, 0, 'swaks sends a mail over STARTTLS') or diag($swaks);

my $frame = $ws->json;
is($frame->{type}, 'email.received', 'the frame arrives');
is($frame->{data}{subject}, "Gr\x{fc}\x{df}e and a script", 'with the subject');
is($frame->{data}{fromName}, "J\x{fc}rgen", 'and the sender');
ok(!exists $frame->{data}{bodyHtml}, 'without bodies');
my $id = $frame->{data}{id};

my $r = $jm->api(GET => "/emails/$id", @auth, gzip => 1);
is($r->{status}, 200, 'the mail over REST');
is($r->{headers}{'content-encoding'}, 'gzip', 'as it lies in Redis');
my $email = $r->{json}{data};
is($email->{from}, 'juergen@example.com', 'from');
is($email->{to}, 'you-choose@junkmail.test', 'to');
like($email->{bodyText}, qr/Your code is 493817/, 'text');
is_deeply($email->{codes}, ['493817'], 'the code is found');
my $html = $email->{bodyHtml};
like($html, qr/Hello <b>there<\/b>/, 'the HTML reads well');
like($html, qr{href="https://shop\.example/\?id=7"}, 'links stay');
unlike($html, qr/script|javascript|onload|url\(|src="http|evil\.example|track\.example|refresh/i,
    'nothing active, nothing remote');
is($email->{remoteImages}[0]{url}, 'https://images.example/big.png',
    'the held back image is told');
is($email->{trackersRemoved}, 1, 'the tracking pixel is counted');
is($email->{trackers}[0]{host}, 'track.example', 'and named');
cmp_ok($email->{removed}{script}, '>=', 1, 'the script is reported');
is($email->{attachments}[0]{filename}, 'Rechnung.pdf', 'the attachment');

my $plain = $jm->api(GET => "/emails/$id", @auth);
is_deeply($plain->{json}, $r->{json}, 'the same without gzip');

my $att = $jm->http(GET => $email->{attachments}[0]{url}, @auth);
is($att->{status}, 200, 'the attachment');
is($att->{body}, $png, 'its bytes are intact');
is($att->{headers}{'x-content-type-options'}, 'nosniff', 'nosniff');

my $source = $jm->api(GET => "/emails/$id/source", @auth);
like($source->{body}, qr/^Return-Path: <juergen\@example\.com>\r\nReceived: from /,
    'the source with its trace header');
(my $sent = $mail) =~ s/\n/\r\n/g;
like($source->{body}, qr/\Q$sent\E/, 'and the original bytes');

my $page = $jm->api(GET => "/emails/$id/html", @auth);
like($page->{headers}{'content-security-policy'}, qr/default-src 'none'/,
    'the page has its policy');

my $view = $jm->api(POST => "/emails/$id/view", @auth, json => {});
is($jm->http(GET => $view->{json}{data}{url})->{status}, 200,
    'a ticket shows it without a key');

# Two devices in step.
$r = $jm->api(PATCH => "/emails/$id", @auth, json => { isRead => JSON::PP::true });
is($r->{status}, 200, 'marked read');
$frame = $ws->json;
is($frame->{type}, 'email.updated', 'the other device hears of it');
is($frame->{data}{isRead}, JSON::PP::true, 'with the flag');

# Everything restarts; everything is still there.
my $cursor = $frame->{id};
$jm->stop_nginx;
is($ws->close_code, 1001, 'the WebSocket is told to come back');
$ws->close;
$jm->stop_junkmaild;
$jm->{redis}->stop;
$jm->{redis}->restart;
$jm->start_junkmaild;
$jm->start_nginx;

$r = $jm->api(GET => "/emails/$id", @auth);
is($r->{json}{data}{isRead}, JSON::PP::true, 'after a restart all is there');

like($jm->send_mail('you-choose+tag@junkmail.test', "Subject: two\n\nx\n"),
    qr/^250 /, 'a mail while nobody listens');
$ws = $jm->ws("/api/v1/events?since=$cursor", @auth);
is($ws->json->{type}, 'hello', 'back with the cursor');
$frame = $ws->json;
is($frame->{data}{subject}, 'two', 'what was missed is replayed');
is($frame->{data}{to}, 'you-choose+tag@junkmail.test', 'the tag is kept');

# Bin, then gone for good.
is($jm->api(DELETE => "/emails/$id", @auth)->{status}, 200, 'to the bin');
$frame = $ws->json;
is($frame->{type}, 'email.updated', 'which is an update');
is($jm->api(DELETE => "/emails/$id", @auth)->{status}, 200, 'and away');
$frame = $ws->json;
is($frame->{type}, 'email.deleted', 'which is a deletion');
is($jm->api(GET => "/emails/$id", @auth)->{status}, 404, 'it is gone');

# Another account sees nothing of it.
my $other = $jm->account;
my $second = $jm->api(GET => '/emails', @auth)->{json}{data}[0]{id};
is($jm->api(GET => "/emails/$second", key => $other->{key})->{json}{error},
    'Email not found', 'a foreign mail is a 404');

# Wrong input in SMTP.
my $s = $jm->smtp;
$s->cmd('EHLO x');
$s->cmd('MAIL FROM:<a@example.com>');
like($s->cmd('RCPT TO:<nobody@junkmail.test>'), qr/^550 5\.1\.1 /, 'unknown');
like($s->cmd('RCPT TO:<x@other.example>'), qr/^550 5\.7\.1 /, 'no relaying');
like($s->cmd('QUIT'), qr/^221 /, 'QUIT');
$ws->close;

is($jm->api(DELETE => '/accounts/me', @auth)->{status}, 200, 'account deleted');
is($jm->api(GET => '/accounts/me', @auth)->{status}, 401, 'and its key with it');
like($jm->send_mail('you-choose@junkmail.test', "Subject: x\n\nx\n"),
    qr/^550 5\.(?:1\.1|2\.1) /, 'and its address');

unlike(join('', map { $jm->read($_) } qw(error.log access.log junkmaild.log)),
    qr/Gr(?:ü|=C3=BC)|493817|jm_live_/, 'no content and no key in any log');

$jm->done;
done_testing;
