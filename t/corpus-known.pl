# Where t/70-corpus.t's other parser reads a mail of the corpus otherwise, and
# why ours is right: file => "what differs: why".
(
    'enmime/bad-header-start.raw.eml' =>
        'sender: "From:" is the first line and indented; we find it all the same',
    'james-mime4j/re-fwd.msg.eml' =>
        'sender: "From: user2" holds no address; what stands there is shown',
    'mikel-mail/content_transfer_encoding_empty.eml' =>
        'subject: Big5 without a name for it; no soft hyphens in ours',
    'mikel-mail/mix_caps_content_type.eml' =>
        'sender: the address in "Big Bug bb@bug.com" lacks its brackets',
    'mimekit/jwz-summary.txt.eml' =>
        'sender: <nsb> is an address without a host, and shown as it is',
    'php-imap/email_address.eml' =>
        'sender: "From: no_host" holds no address; what stands there is shown',
    'php-imap/imap_mime_header_decode_returns_false.eml' =>
        'subject: no UTF-8 at all; ours also replaces the ESC in it',
    'php-imap/issue-275.eml' =>
        'sender: "From: ****" holds no address; what stands there is shown',
    'php-imap/issue-462.eml' =>
        'sender: two words between the brackets, shown as they are',
    'spamscope-mail-parser/mail_test_19.eml' =>
        'sender: a@x <b@y> is from b@y (RFC 5322), a@x is only the name',
    'stalwart-mail-parser/001.eml' =>
        'subject: UTF-7 is not decoded on purpose (charset.c)',
    'stalwart-mail-parser/005.eml' =>
        'subject: UTF-7 is not decoded on purpose (charset.c)',
    'zbateson-mail-mime-parser/m0006.txt.eml' =>
        'subject: UTF-7 is not decoded on purpose (charset.c)',
);
