// MB/s of the sanitizers that people use today over the HTML files of a
// directory.  Started by t/bench/run.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import createDOMPurify from 'dompurify';
import { JSDOM } from 'jsdom';
import sanitizeHtml from 'sanitize-html';

const files = readdirSync(process.argv[2], { recursive: true })
    .filter((name) => name.endsWith('.html'))
    .map((name) => readFileSync(join(process.argv[2], name), 'utf8'));
const bytes = files.reduce((sum, text) => sum + Buffer.byteLength(text), 0);

// What a mail needs: layout stays, as with us.
const allowed = {
    allowedTags: sanitizeHtml.defaults.allowedTags.concat(
        ['img', 'center', 'font', 'style']),
    allowVulnerableTags: true,
    allowedAttributes: { '*': ['style', 'class', 'id', 'align', 'valign',
        'width', 'height', 'bgcolor', 'border', 'cellpadding', 'cellspacing',
        'href', 'src', 'alt', 'title', 'color', 'face', 'size'] },
};
const purify = createDOMPurify(new JSDOM('').window);

measure('npm sanitize-html', (text) => sanitizeHtml(text, allowed));
measure('npm DOMPurify with jsdom', (text) => purify.sanitize(text));

function measure(name, run)
{
    let sum = 0;
    for (const text of files.slice(0, 20)) {
        sum += run(text).length;
    }
    const start = process.cpuUsage();
    let spent = 0, rounds = 0;
    do {
        for (const text of files) {
            sum += run(text).length;
        }
        rounds++;
        const used = process.cpuUsage(start);
        spent = (used.user + used.system) / 1e6;
    } while (spent < 2);
    const rate = (bytes * rounds / spent / 1e6).toFixed(1);
    console.log(name.padEnd(34), rate.padStart(9), 'MB/s');
}
