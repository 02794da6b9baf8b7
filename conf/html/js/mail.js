// One mail.  Its cleaned HTML is a page of its own behind a ticket, in a frame
// that may run nothing and is of no origin; so it cannot be measured, and gets
// what room there is, scrolls by itself, and can be drawn larger.

import { announce, attempt, button, copy, h, icon, put, save } from './dom.js';
import { call, get, request } from './api.js';
import { bytes, moment, problem, t } from './i18n.js';
import { link } from './route.js';
import { change, on, signOut, state } from './state.js';
import { binThem, destroyAsked, restore } from './inbox.js';

const LONGEST = 300000;         // characters of the source that are shown

let id = null, email = null, body, bar, off;

export async function open(pane, wanted) {
  bar && drawBar();
  if (wanted === id) {
    return;
  }
  close();
  id = wanted;
  put(pane, h('p', { class: 'quietly' }, t('loading')));

  try {
    const { data } = await get(`/emails/${encodeURIComponent(wanted)}`);
    if (wanted !== id) {
      return;
    }
    email = data;
  } catch (e) {
    if (wanted === id) {
      id = null;
      put(pane, h('div', { class: 'quietly' },
        h('p', { role: 'alert' }, e.status === 404 ? t('mail gone') : problem(e)),
        h('p', {}, h('a', { class: 'button', href: back() }, t('back')), ' ',
          e.status !== 404 && button(t('retry'), () => open(pane, wanted)))));
      if (e.status === 401) {
        signOut('gone');
      }
    }
    return;
  }

  draw(pane);
  off = on('changed', ({ type, ids, data }) => {
    if (ids.includes(id) && type === 'email.updated') {
      for (const flag of ['isRead', 'isStarred', 'isDeleted']) {
        email[flag] = data[flag] ?? email[flag];
      }
      drawBar();
    }
  });
  if (!email.isRead) {
    set({ isRead: true });
  }
}

// Forgets the mail; returns which it was.
export function close() {
  const last = id;

  off?.();
  off = id = email = bar = null;
  return last;
}

const back = () => link({ ...state.filter });

function set(flags) {
  Object.assign(email, flags);
  drawBar();
  return attempt(() => change([id], flags));
}

function drawBar() {
  const { isStarred, isDeleted } = email || {};
  const focused = document.activeElement?.dataset?.bar;

  if (!email) {
    return;
  }
  put(bar, 
    h('a', { class: 'button quiet back', href: back() }, icon('back'),
      h('span', {}, t('back'))),
    button(t('star'), () => set({ isStarred: !email.isStarred }),
      { sign: 'star', show: false, class: 'quiet star',
       'aria-pressed': String(isStarred), 'data-bar': 'star' }),
    button(t(email.isRead ? 'mark unread' : 'mark read'),
      () => set({ isRead: !email.isRead }),
      { class: 'quiet', sign: 'mail', show: false, 'data-bar': 'read' }),
    h('span', { class: 'room' }),
    isDeleted ? button(t('restore'), () => restore([id]), { class: 'quiet' })
      : button(t('to bin'), () => binThem([id]),
        { class: 'quiet', sign: 'trash' }),
    isDeleted && button(t('delete for good'), () => destroyAsked([id]),
      { class: 'quiet danger' }));
  if (focused) {
    bar.querySelector(`[data-bar=${focused}]`)?.focus();
  }
}

function draw(pane) {
  const m = email;
  const title = h('h2', { tabindex: -1, class: 'subject' },
    m.subject || t('no subject'));
  const files = m.attachments.filter(a => !a.isInline);
  const pictures = m.attachments.filter(a => a.isInline);
  const modes = h('div', { class: 'modes', role: 'group',
    'aria-label': t('show as') });

  bar = h('div', { class: 'bar' });
  body = h('div', { class: 'body' });

  const mode = (name, fill) => button(t(name), e => {
    for (const b of modes.children) {
      b.setAttribute('aria-pressed', String(b === e.currentTarget));
    }
    fill();
  }, { 'aria-pressed': 'false' });
  modes.append(mode('mail', () => frame(pictures)), mode('text', text),
    mode('source', source), mode('details', () => details(m)));

  drawBar();
  put(pane, bar, h('div', { class: 'head' }, title,
    h('p', { class: 'sender' }, h('strong', {}, m.fromName || m.from), ' ',
      m.fromName && h('span', {}, `<${m.from}>`)),
    h('p', { class: 'dim' }, t('to whom', { to: m.to }), ' · ',
      h('time', { datetime: m.receivedAt }, moment(m.receivedAt))),
    m.codes.length > 0 && h('p', { class: 'codes' }, m.codes.map(code =>
      h('button', { type: 'button', class: 'code', onclick: () => copy(code),
        'aria-label': t('copy code', { code }) },
        h('span', {}, code), icon('copy')))),
    warnings(m), report(m),
    files.length > 0 && h('ul', { class: 'files', 'aria-label': t('attachments') },
      files.map(attachment))), modes, body);
  modes.firstElementChild.click();
  pane.scrollTop = 0;
  title.focus({ preventScroll: true });
}

// --- what was found ----------------------------------------------------------

function warnings({ warnings: all }) {
  return all.length > 0 && h('ul', { class: 'warnings' }, all.map(w => {
    const name = `warning ${w.code}`, text = t(name, { host: w.host });
    return h('li', {}, text === name ? w.text : text);
  }));
}

// "3 trackers removed: Mailchimp, HubSpot and 1 unknown", and the list.
function report({ trackers }) {
  if (!trackers.length) {
    return false;
  }

  const names = [...new Set(trackers.map(x => x.vendor).filter(Boolean))];
  const others = trackers.filter(x => !x.vendor).length;
  if (others) {
    names.push(t('unknown', { n: others }));
  }
  const list = new Intl.ListFormat(document.documentElement.lang).format(names);

  return h('details', { class: 'report' },
    h('summary', {}, icon('shield'), ' ',
      t('trackers', { n: trackers.length }), `: ${list}`),
    h('ul', {}, trackers.map(x => h('li', {}, [x.vendor, t(`kind ${x.kind}`),
      x.host, x.count > 1 && `× ${x.count}`].filter(Boolean).join(' · ')))));
}

function attachment(file) {
  const name = file.filename || t('no name');
  const fetchIt = async e => {
    const b = e.currentTarget;
    b.disabled = true;
    announce(t('loading'));
    await attempt(async () => {
      const answer = await request('GET', file.url.replace(/^\/api\/v1/, ''));
      save(await answer.blob(), name);
    });
    b.disabled = false;
  };

  return h('li', {}, h('button', { type: 'button', onclick: fetchIt,
    title: t('download', { name, size: bytes(file.size) }) },
    icon('clip'), h('span', {}, name), h('small', {}, bytes(file.size))));
}

// --- ways to show it ---------------------------------------------------------

// Pictures of the mail itself come on request; others not at all.
async function frame(pictures, shown) {
  const mine = id, remote = email.remoteImages.length;
  const note = (pictures.length > 0 && !shown) || remote > 0;

  put(body, note && h('p', { class: 'pictures' },
    pictures.length > 0 && !shown && button(t('show images',
      { n: pictures.length }), () => frame(pictures, true)),
    remote > 0 && h('span', {}, t('remote images', { n: remote }))),
    h('p', { class: 'wait' }, t('loading')));

  await attempt(async () => {
    const { data } = await call('POST', `/emails/${mine}/view`, {});
    if (mine === id) {
      body.lastChild.replaceWith(h('iframe', {
        src: data.url + (shown ? '' : '?images=off'),
        title: t('mail content'), referrerpolicy: 'no-referrer',
        sandbox: 'allow-popups allow-popups-to-escape-sandbox',
      }));
    }
  });
}

function text() {
  put(body, h('pre', { tabindex: 0, 'aria-label': t('text') },
    email.bodyText || t('no text')));
}

async function source() {
  const mine = id;

  put(body, h('p', { class: 'wait' }, t('loading')));
  try {
    const blob = await (await request('GET', `/emails/${mine}/source`)).blob();
    const raw = await blob.slice(0, LONGEST).text();
    if (mine === id) {
      put(body, h('p', { class: 'pictures' },
        button(t('download', { name: 'mail.eml', size: bytes(blob.size) }),
          () => save(blob, 'mail.eml')),
        blob.size > LONGEST && h('span', {}, t('beginning only'))),
        h('pre', { tabindex: 0, 'aria-label': t('source') }, raw));
    }
  } catch (e) {
    if (mine === id) {
      put(body, h('p', { role: 'alert' },
        e.status === 404 ? t('no source') : problem(e)));
    }
  }
}

function details({ headers, authentication, removed, links, from, fromName, size }) {
  const facts = [['from', `${fromName} <${from}>`], ['reply to', headers.replyTo],
    ['cc', headers.cc], ['date', headers.date], ['id', headers.messageId],
    ['answer to', headers.inReplyTo], ['list', headers.listUnsubscribe],
    ['checked', Object.entries(authentication).map(x => x.join(': ')).join(', ')],
    ['size', bytes(size)],
    ['removed', Object.entries(removed).filter(x => x[1])
      .map(([what, n]) => `${n} × ${what}`).join(', ')]];

  put(body, h('div', { class: 'details', tabindex: 0 },
    h('dl', {}, facts.filter(x => x[1])
      .flatMap(([name, value]) => [h('dt', {}, t(`head ${name}`)), h('dd', {}, value)])),
    links.length > 0 && h('h3', {}, t('links', { n: links.length })),
    h('ul', { class: 'links' }, links.map(({ href, text: label }) => {
      let host = '';
      try {
        host = new URL(href).host;
      } catch {
        // mailto: and the like have none
      }
      return h('li', {}, h('a', /^(https?|mailto):/i.test(href) ? { href,
        target: '_blank', rel: 'noopener noreferrer' } : {},
        h('strong', {}, host || href)), ' ', label);
    }))));
}
