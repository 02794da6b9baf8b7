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

function frame()
{
    const element = document.createElement('iframe');
    element.style.cssText = 'width:700px;height:400px';
    document.body.append(element);
    return element;
}

// One mail in two live documents: written, and through innerHTML twice.
async function check(mail, failures)
{
    const written = frame();
    let doc = written.contentDocument;

    doc.open();
    doc.write('<!DOCTYPE html><meta charset="utf-8"><body>' + mail.clean);
    doc.close();

    let got = serialise(doc.body);
    if (got !== mail.clean) {
        failures.push(mail.file + ': parsed otherwise: '
                      + parting(mail.clean, got));
    }

    const set = frame();
    doc = set.contentDocument;
    doc.open();
    doc.write('<!DOCTYPE html><body>');
    doc.close();
    doc.body.innerHTML = mail.clean;
    doc.body.innerHTML = doc.body.innerHTML;

    got = serialise(doc.body);
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
    written.remove();
    set.remove();
}

async function run()
{
    const failures = [];
    const rest = mails.slice();

    async function worker()
    {
        while (rest.length) {
            await check(rest.shift(), failures);
        }
    }

    await Promise.all(Array.from({ length: 8 }, worker));
    return failures;
}
