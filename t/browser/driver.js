// The page of t/72-browser.t: puts each cleaned mail into documents of this
// browser, without CSP and sandbox, and tells where what the browser made of
// it is not what was written.  `mails` comes from build/unit/clean_html.

const VOID = new Set(['area', 'br', 'col', 'hr', 'img', 'wbr']);

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;',
                  "'": '&#39;', '`': '&#96;' };

// A tree in our canonical form (written after the specification, not after
// html_write.c).
function serialise(node)
{
    let out = '';

    for (const child of node.childNodes) {
        if (child.nodeType === Node.TEXT_NODE) {
            out += child.data.replace(/[&<>]/g, (c) => ESCAPES[c]);
            continue;
        }

        if (child.nodeType !== Node.ELEMENT_NODE) {
            out += '<!>';
            continue;
        }

        const name = child.localName;
        out += '<' + name;

        for (const { name, value } of child.attributes) {
            out += ' ' + name + '="'
                + value.replace(/[&<>"'`]/g, (c) => ESCAPES[c]) + '"';
        }

        out += '>';

        if (!VOID.has(name)) {
            if (name === 'pre' && child.firstChild
                && (child.firstChild.data || '')[0] === '\n') {
                out += '\n';
            }

            if (name === 'style') {
                out += child.textContent;
            } else {
                out += serialise(child);
            }

            out += '</' + name + '>';
        }
    }

    return out;
}

// Where two strings part, with a little around it.
function parting(a, b)
{
    let i = 0;

    while (i < a.length && a[i] === b[i]) {
        i++;
    }

    const from = Math.max(0, i - 60);
    return JSON.stringify([a.slice(from, i + 60), b.slice(from, i + 60)]);
}

// What the specification keeps under its own name, and under another one.
const KEPT = new Set(('a abbr acronym address article aside b bdi bdo big '
    + 'blockquote br caption center cite code col colgroup dd del dfn dir div '
    + 'dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i '
    + 'ins kbd li main map area mark menu nav ol p pre q rp rt ruby s samp '
    + 'section small span strike strong sub sup table tbody td tfoot th thead '
    + 'time tr tt u ul var wbr').split(' '));

const RENAMED = { summary: 'div', details: 'div', nobr: 'span', hgroup: 'div',
                  search: 'div', dialog: 'div', fieldset: 'div',
                  legend: 'div', xmp: 'pre', listing: 'pre',
                  plaintext: 'pre' };

// Images are left out of the comparison: trackers among them are gone.
const GONE = new Set(('script style link meta base iframe frame frameset '
    + 'noframes embed applet param template select datalist keygen '
    + 'bgsound title noembed portal fencedframe noscript img xml').split(' '));

const SCOPE = 'table, td, th, caption, applet';
const BLOCK = 'address, article, aside, blockquote, center, dd, details, dir, '
    + 'div, dl, dt, fieldset, figcaption, figure, footer, '
    + 'h1, h2, h3, h4, h5, h6, header, hgroup, hr, li, legend, '
    + 'listing, main, menu, nav, ol, p, pre, section, summary, table, ul, '
    + 'xmp, plaintext';

function holdsBlock(p)
{
    return Array.from(p.querySelectorAll(BLOCK)).some((block) =>
        block.parentElement.closest('p, ' + SCOPE) === p);
}

// What cannot stand in the place where a browser put it has another name.
function nameOf(element)
{
    const name = element.localName;

    if (name === 'p' && holdsBlock(element)) {
        return 'div';
    }

    if (/^h[1-6]$/.test(name)
        && /^h[1-6]$/.test(element.parentElement
            .closest(':not(object, marquee)').localName)) {
        return 'div';
    }

    if (name === 'a' && element.parentElement.closest('a')) {
        return 'span';
    }

    return RENAMED[name] || name;
}

// The elements that stay and the text, without attributes.
function outline(node)
{
    let out = '';

    for (const child of node.childNodes) {
        if (child.nodeType === Node.TEXT_NODE) {
            out += child.data.replace(/[&<>]/g, (c) => ESCAPES[c]);
            continue;
        }

        if (!(child instanceof HTMLElement) || GONE.has(child.localName)
            || /^[vw]:/.test(child.localName)
            || (child.localName === 'dialog' && !child.open)) {
            continue;
        }

        if (child.localName === 'input') {
            if (/^(submit|button)$/.test(child.type)) {
                out += child.getAttribute('value') || '';
            }

            continue;
        }

        const name = nameOf(child);

        if (!KEPT.has(name)) {
            out += outline(child);
        } else {
            out += '<' + name + '>';
            out += VOID.has(name) ? '' : outline(child) + '</' + name + '>';
        }
    }

    return out;
}

function squeeze(text)
{
    return text.replace(/\s+/g, ' ').replace(/ ?((<[^>]*>)+) ?/g, '$1')
        .replace(/ (?=<)/g, '').trim();
}

// Is our tree the one this browser builds of the original?
function compare(mail, different)
{
    const parse = (html) => new DOMParser().parseFromString(html, 'text/html');
    const theirs = parse(mail.raw);
    const ours = parse('<!DOCTYPE html><body>' + mail.clean);
    const a = squeeze(outline(theirs.documentElement));
    const b = squeeze(outline(ours.body.firstChild));

    if (a !== b) {
        different.push(mail.file + ': ' + parting(a, b));
    }
}

// All mails that came as HTML.
function compareAll()
{
    const different = [];
    const html = mails.filter((mail) => mail.raw !== '');

    for (const mail of html) {
        compare(mail, different);
    }

    return { count: html.length, different };
}

// A fresh live document in a frame.
function write(element, html)
{
    const doc = element.contentDocument;
    doc.open();
    doc.write('<!DOCTYPE html><meta charset="utf-8"><body>' + html);
    doc.close();
    return element.contentDocument;
}

function frame()
{
    const element = document.createElement('iframe');
    element.style.cssText = 'width:700px;height:400px';
    document.body.append(element);
    return element;
}

// One mail in two live documents: written, and through innerHTML twice.
async function check(mail, frames, failures)
{
    let got = serialise(write(frames[0], mail.clean).body);
    if (got !== mail.clean) {
        failures.push(mail.file + ': parsed otherwise: '
                      + parting(mail.clean, got));
    }

    const body = write(frames[1], '').body;
    body.innerHTML = mail.clean;
    body.innerHTML = body.innerHTML;

    got = serialise(body);
    if (got !== mail.clean) {
        failures.push(mail.file + ': innerHTML changes it: '
                      + parting(mail.clean, got));
    }

    if ('again' in mail) {
        failures.push(mail.file + ': cleaned again: '
                      + parting(mail.clean, mail.again));
    }

    // time for what would be loaded or run
    await new Promise((done) => setTimeout(done, 50));
}

async function run()
{
    const failures = [];
    const rest = mails.slice();

    async function worker()
    {
        const frames = [frame(), frame()];

        while (rest.length) {
            await check(rest.shift(), frames, failures);
        }
    }

    await Promise.all(Array.from({ length: 8 }, worker));
    return failures;
}
