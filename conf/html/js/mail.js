// One mail.  Its cleaned HTML is a page of its own behind a ticket, in a frame
// that may run nothing, so that this page may measure it (README, "The web
// inbox").

import { $, announce, attempt, button, copier, h, icon, save, tool } from './dom.js';
import { BASE, call, get, request } from './api.js';
import { bytes, known, moment, problem, t } from './i18n.js';
import { change, hooks, lost, state } from './state.js';
import { here, removers, star } from './inbox.js';

const LONGEST = 300000;         // characters of the source that are shown
const TALLEST = 30000;          // pixels of a frame; then it scrolls by itself
const SHOWN = ['mail', 'text', 'source', 'details'];

let id = null;                  // of the mail
let now = {};                   // what goes with it: error, url, original, …

// Begins to read a mail, if it is not the one that is shown.
export function open(wanted) {
  if (wanted !== id) {
    id = wanted;
    state.mail = null;
    now = { url: '', images: false, arrived: false };
    read(now);
  }
}

async function read(mine) {
  try {
    const { data } = await get(`/emails/${encodeURIComponent(id)}`);
    if (mine !== now) {
      return;
    }
    state.mail = data;
    // a key may be good for reading only
    data.isRead || change([data.id], { isRead: true }).catch(() => {});
  } catch (e) {
    mine.error = e;
    e.status === 401 && lost(e);
  }
  hooks.draw();
}

// Forgets it; returns which it was.
export function close() {
  const last = id;

  id = state.mail = null;
  now = {};
  return last;
}

// The first time that it is there it gets the focus.
export function arrive() {
  if (state.mail && !now.arrived) {
    now.arrived = true;
    $('pane').scrollTop = 0;
    $('pane').querySelector('h2').focus({ preventScroll: true });
  }
}

export function pane(m, s) {
  const mail = state.mail;

  if (now.error) {
    const gone = now.error.status === 404;
    return h('div.quietly',
      h('p', { role: 'alert' }, gone ? t('mail gone') : problem(now.error)),
      h('p', h('a.button', { href: here() }, t('back')), ' ',
        !gone && button(t('retry'), () => {
          close();
          open(m);
        })));
  }
  if (!mail) {
    return h('p.quietly', t('loading'));
  }

  const shown = SHOWN.includes(s) ? s : 'mail';
  const body = { mail: framed, text, source, details }[shown];

  // A ticket lives ten minutes: a frame that comes back needs another.
  if (shown === 'mail' && now.shown !== shown) {
    now.url = '';
    attempt(frame);
  }
  now.shown = shown;

  return [
    h('div.bar',
      h('a.button.quiet.back', { href: here() }, icon('back'),
        h('span', t('back'))),
      star(mail),
      tool('mail', t(mail.isRead ? 'mark unread' : 'mark read'),
        () => change([m], { isRead: !mail.isRead })),
      h('span.room'), removers([m], mail.isDeleted)),
    head(mail),
    h('nav.modes', { 'aria-label': t('show as') }, SHOWN.map(name =>
      h('a', { href: here({ m, s: name !== 'mail' && name }),
        'aria-current': name === shown && 'true' }, t(name)))),
    h('div.body', { 'data-id': `${m} ${shown}` }, body(mail)),
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
    save(await (await request('GET', url.replace(BASE, ''))).blob(), name);
  }, '', { title: t('download', { name, size: bulk }) }));
}

// --- ways to show it ---

// Asks for a ticket, and the frame follows.  Pictures of the mail itself come on
// request; others not at all.
async function frame(mine = now) {
  mine.failed = null;
  try {
    const { data } = await call('POST', `/emails/${id}/view`, {});
    mine.url = data.url + (mine.images ? '' : '?images=off');
  } catch (e) {
    mine.failed = e;
  }
  hooks.draw();
}

function framed({ attachments, remoteImages }) {
  const own = attachments.filter(a => a.isInline).length;
  const remote = remoteImages.length, ask = own > 0 && !now.images;

  if (now.failed) {
    return h('div.quietly',
      h('p', { role: 'alert' }, problem(now.failed)),
      button(t('retry'), () => frame()));
  }
  return [
    (ask || remote > 0) && h('p.pictures',
      ask && button(t('show images', { n: own }), () => {
        now.images = true;
        return frame();
      }),
      remote > 0 && h('span', t('remote images', { n: remote }))),
    now.url ? h('iframe', { 'data-id': now.url, src: now.url,
      title: t('mail content'), referrerpolicy: 'no-referrer',
      sandbox: 'allow-same-origin allow-popups allow-popups-to-escape-sandbox',
      onload: e => widths.observe(e.target) })
      : h('p.wait', t('loading')),
  ];
}

// As high as what is in it, measured at no height, so that what is as high as
// the window does not count.
const widths = new ResizeObserver(entries => {
  for (const { target: frame, contentRect: { width } } of entries) {
    const page = frame.contentDocument?.documentElement, pane = $('pane');
    const top = pane?.scrollTop;

    if (page && width !== frame.measured) {
      frame.measured = width;
      frame.style.height = 0;
      frame.style.height = `${Math.min(page.scrollHeight, TALLEST)}px`;
      // and a scroll bar, if it is too wide
      frame.style.height = `${frame.offsetHeight * 2 - page.clientHeight}px`;
      pane.scrollTop = top;
    }
  }
});

const text = mail => h('pre', { tabindex: 0, 'aria-label': t('text') },
  mail.bodyText || t('no text'));

// Read when it is first looked at.
function source(mail, mine = now) {
  const { original, raw, trouble } = now;

  if (trouble) {
    return h('p', { role: 'alert' },
      trouble.status === 404 ? t('no source') : problem(trouble));
  }
  if (raw === undefined) {
    mine.raw = null;
    request('GET', `/emails/${id}/source`).then(async answer => {
      mine.original = await answer.blob();
      mine.raw = await mine.original.slice(0, LONGEST).text();
    }).catch(e => {
      mine.trouble = e;
    }).finally(hooks.draw);
  }
  if (!raw) {
    return h('p.wait', t('loading'));
  }
  return [
    h('p.pictures',
      button(t('download', { name: 'mail.eml', size: bytes(original.size) }),
        () => save(original, 'mail.eml')),
      original.size > LONGEST && h('span', t('beginning only'))),
    h('pre', { tabindex: 0, 'aria-label': t('source') }, raw),
  ];
}

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
    h('ul.links', links.map(({ href, text: label }) => h('li', 
      h('a', /^(https?|mailto):/i.test(href) ? { href, target: '_blank',
        rel: 'noopener noreferrer' } : {}, h('strong', host(href))),
      ' ', label))));
}

// Of mailto: and the like the address itself.
function host(href) {
  try {
    return new URL(href).host || href;
  } catch {
    return href;
  }
}
