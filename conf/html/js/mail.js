// One mail.  Its cleaned HTML is a page of its own behind a ticket, in a frame
// that may run nothing, so that this page may measure it.

import { $, announce, button, copier, h, icon, nav, save, trouble } from './dom.js';
import { BASE, call, file, get } from './api.js';
import { bytes, known, moment, t } from './i18n.js';
import { change, hooks, state } from './state.js';
import { here, tools } from './inbox.js';

const LONGEST = 300000;  // characters of the source that are shown
const TALLEST = 30000;   // pixels of a frame; then it scrolls by itself
const SHOWN = ['mail', 'text', 'source', 'details'];

let id = '';             // of the mail that is read, if any
let now = {};            // what goes with it: its parts, and what was asked

// Begins to read a mail, or none; returns which it was before.
export function open(wanted) {
  const last = id;

  if (wanted !== id) {
    id = wanted;
    state.mail = null;
    now = {};
  }
  return last;
}

async function read() {
  const mine = now;
  const { data } = await get(`/emails/${/^[\w-]{36}$/.test(id) ? id : 0}`);

  if (mine === now) {
    state.mail = data;
    // a key may be good for reading only
    data.isRead || change([data.id], { isRead: true }).catch(() => {});
  }
  return data;
}

function again(name) {
  delete now[name];
  hooks.draw();
}

// A part of the mail, asked for when it is first looked at; the mail itself gets
// the focus then.
function part(name, ask, show) {
  if (!now[name]) {
    const it = now[name] = {};
    ask().then(value => Object.assign(it, { value }),
      error => Object.assign(it, { error })).then(() => {
      hooks.now();
      if (it === now.mail) {
        $('pane')?.scrollTo(0, 0);
        $('pane')?.querySelector('h2')?.focus();
      }
    });
  }

  const { value, error } = now[name];
  return value ? show(value) : trouble(error, () => again(name));
}

export function pane(m, s) {
  const { mail } = state, shown = SHOWN.includes(s) ? s : 'mail';

  // It has gone while it was read: the server says so.
  if (now.mail?.value && !mail) {
    delete now.mail;
  }
  // A ticket lives ten minutes: a frame that comes back needs another.
  if (shown !== 'mail') {
    delete now.ticket;
  }

  return [
    h('div.bar',
      h('a.button.quiet.back', { href: here() }, icon('back'),
        h('span', t('back'))),
      h('span.room'), mail && tools([mail])),
    part('mail', read, () => [
      head(mail),
      nav('modes', SHOWN, shown, value => here({ m, s: value })),
      h('div.body', { 'data-id': `${m} ${shown}` },
        { mail: framed, text, source, details }[shown](mail)),
    ]),
  ];
}

const head = m => h('div.head', { 'data-id': m.id },
  h('h2', { tabindex: -1, class: 'subject' }, m.subject || t('no subject')),
  h('p.sender', h('strong', m.fromName || m.from), ' ',
    m.fromName && h('span', `<${m.from}>`)),
  h('p.dim', t('to whom', m), ' · ',
    h('time', { datetime: m.receivedAt }, moment(m.receivedAt))),
  m.codes.length > 0 && h('p.codes',
    m.codes.map(code => copier(code, 'code', t('copy code', { code })))),
  m.warnings.length > 0 && h('ul.warnings', m.warnings.map(w =>
    h('li', known(`warning ${w.code}`, w) || w.text))),
  m.trackers.length > 0 && report(m.trackers),
  h('ul.files', { 'aria-label': t('attachments') },
    m.attachments.filter(a => !a.isInline).map(attachment)));

// "3 trackers removed: Mailchimp, HubSpot and 1 unknown", and the list.
function report(trackers) {
  const names = new Set(trackers.map(x => x.vendor).filter(Boolean));
  const n = trackers.filter(x => !x.vendor).length;
  const list = new Intl.ListFormat(document.documentElement.lang)
    .format([...names, ...n ? [t('unknown', { n })] : []]);

  return h('details.report',
    h('summary', icon('shield'), ' ',
      t('trackers', { n: trackers.length }), `: ${list}`),
    h('ul', trackers.map(x => h('li', [x.vendor, t(`kind ${x.kind}`),
      x.host, x.count > 1 && `× ${x.count}`].filter(Boolean).join(' · ')))));
}

function attachment({ filename, size, url }) {
  const name = filename || t('no name'), bulk = bytes(size);

  return h('li', button([icon('clip'), h('span', name), h('small', bulk)], async () => {
    announce(t('loading'));
    save(await file(url.replace(BASE, '')), name);
  }, '', { title: t('download', { name, size: bulk }) }));
}

// Pictures of the mail itself come on request; others not at all.
const framed = ({ attachments, remoteImages }) => part('ticket',
  () => call('POST', `/emails/${id}/view`, {}), ({ data }) => {
    const own = attachments.filter(a => a.isInline).length;
    const remote = remoteImages.length, ask = own > 0 && !now.images;
    const src = data.url + (now.images ? '' : '?images=off');

    return [
      (ask || remote > 0) && h('p.pictures',
        ask && button(t('show images', { n: own }), () => {
          now.images = true;
          again('ticket');
        }),
        remote > 0 && h('span', t('remote images', { n: remote }))),
      h('iframe', { 'data-id': src, src, title: t('mail content'),
        referrerpolicy: 'no-referrer',
        sandbox: 'allow-same-origin allow-popups allow-popups-to-escape-sandbox',
        onload: fit }),
    ];
  });

// As high as what is in it, measured at no height, so that what is as high as
// the window does not count.
function fit() {
  const frame = document.querySelector('iframe'), pane = $('pane');
  const page = frame?.contentDocument?.documentElement, top = pane?.scrollTop;

  if (page) {
    frame.style.height = 0;
    frame.style.height = `${Math.min(page.scrollHeight, TALLEST)}px`;
    // and a scroll bar, if it is too wide
    frame.style.height = `${frame.offsetHeight * 2 - page.clientHeight}px`;
    pane.scrollTop = top;
  }
}

addEventListener('resize', fit);

const text = mail => h('pre', { tabindex: 0, 'aria-label': t('text') },
  mail.bodyText || t('no text'));

const source = () => part('source', async () => {
  const whole = await file(`/emails/${id}/source`);
  return { whole, raw: await whole.slice(0, LONGEST).text() };
}, ({ whole, raw }) => [
  h('p.pictures',
    button(t('download', { name: 'mail.eml', size: bytes(whole.size) }),
      () => save(whole, 'mail.eml')),
    whole.size > LONGEST && h('span', t('beginning only'))),
  h('pre', { tabindex: 0, 'aria-label': t('source') }, raw),
]);

function details({ headers, authentication, removed, links, from, fromName, size }) {
  const counts = all => Object.entries(all).filter(x => x[1]);
  const facts = {
    from: `${fromName} <${from}>`, 'reply to': headers.replyTo, cc: headers.cc,
    date: headers.date, id: headers.messageId, 'answer to': headers.inReplyTo,
    list: headers.listUnsubscribe, size: bytes(size),
    checked: counts(authentication).map(x => x.join(': ')).join(', '),
    removed: counts(removed).map(([what, n]) => `${n} × ${what}`).join(', '),
  };

  return h('div.details', { tabindex: 0 },
    h('dl', counts(facts).map(([name, value]) =>
      [h('dt', t(`head ${name}`)), h('dd', value)])),
    links.length > 0 && h('h3', t('links', { n: links.length })),
    // of mailto: and the like the address itself
    h('ul.links', links.map(({ href, text: label }) => h('li',
      h('a', /^(https?|mailto):/i.test(href) ? { href, target: '_blank',
        rel: 'noopener noreferrer' } : {},
      h('strong', URL.parse(href)?.host || href)), ' ', label))));
}
