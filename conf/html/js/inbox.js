// The inbox: an address to give away, tools, the list, and beside it (on a phone
// instead of it) the mail.  Rows have one height, so that thousands of them
// cost nothing until they are seen and new ones move nothing that is looked at.

import { $, announce, attempt, button, confirm, copy, h, icon, put, select,
  spoken, toast } from './dom.js';
import { left, t, when } from './i18n.js';
import { go, link, route } from './route.js';
import { address, change, destroy, more, on, openList, over, state }
  from './state.js';
import * as mail from './mail.js';
import { extend } from './addresses.js';
import { saveKey } from './account.js';

const REST = 3000;     // after a hand was at the list

const rows = new Map();         // id → its <li>
const chosen = new Set();
let current = null;             // the row that Tab reaches
let held = 0;                   // new ones that wait above the list
let acted = 0, resting;         // when a hand was last at the list

let list, pill, tools, bulk, card, pane, box, offs, clock;

export function show(main, params) {
  rows.clear();
  chosen.clear();

  card = h('div', { class: 'card' });
  tools = h('div', { class: 'tools' });
  bulk = h('div', { class: 'bulk' });
  pill = button('', () => {
    list.scrollTop = 0;
    render(true);
    list.querySelector('a')?.focus();
  }, { class: 'pill', hidden: true });
  list = h('ol', {
    class: 'list', 'aria-label': t('messages'), onkeydown: keys,
    onfocusin: e => reach(e.target.closest('li')),
    onpointermove: act, onpointerdown: act,
  });
  list.addEventListener('scroll', near, { passive: true });
  pane = h('section', { class: 'pane', 'aria-label': t('message') });
  box = h('div', { class: 'split' },
    h('section', { class: 'side', 'aria-label': t('inbox') },
      h('h1', { class: 'hidden' }, t('inbox')), card, tools, bulk,
      h('div', { class: 'listbox' }, pill, list)), pane);
  main.append(box);

  offs = [on('list', () => render()), on('addresses', addresses)];
  clock = setInterval(addresses, 30000);
  update(params);

  return {
    update,
    leave() {
      offs.forEach(off => off());
      clearInterval(clock);
      mail.close();
    },
  };
}

function act() {
  acted = Date.now();
}

// --- what the address bar says -----------------------------------------------

function update({ a = '', f = '', q = '', m = '' }) {
  const old = state.filter;

  if (!old || old.a !== a || old.f !== f || old.q !== q) {
    chosen.clear();
    list.scrollTop = 0;
    openList({ a, f, q });
  }
  drawTools();
  addresses();
  render(true);

  box.classList.toggle('open', Boolean(m));
  for (const row of rows.values()) {
    row.querySelector('a').setAttribute('aria-current',
      row.dataset.id === m ? 'true' : 'false');
  }
  if (m) {
    mail.open(pane, m);
  } else {
    const last = mail.close();
    put(pane, h('p', { class: 'quietly' }, t('choose')));
    if (last) {
      focus(rows.get(last));
    }
  }
}

const here = change => link({ ...state.filter, ...change });

// --- the address and the tools -----------------------------------------------

function addresses() {
  const all = state.addresses;
  const a = address(state.filter?.a) || all?.find(x => x.isActive) || all?.[0];

  if (!a) {
    put(card, all ? h('a', { class: 'primary button',
      href: link({ v: 'addresses' }) }, t('make address'))
      : h('p', { class: 'address' }, '…'));
    drawTools();
    return;
  }

  const state_ = !a.isActive && !over(a) ? t('stopped') : left(a.expiresAt);
  const sign = JSON.stringify([a, state_]);
  if (card.dataset.sign !== sign) {
    card.dataset.sign = sign;
    put(card, 
      h('button', {
        type: 'button', class: 'address', onclick: () => copy(a.address),
        'aria-label': t('copy address', { address: a.address }),
      }, spoken(a.address), icon('copy')),
      h('p', { class: 'under' }, h('span', {}, state_),
        button(t('extend'), () => extend(a), { class: 'link' }),
        !localStorage.getItem('junkmail.saved')
          && button(t('save key'), saveKey, { class: 'link' })));
  }
  drawTools();
}

function drawTools() {
  const { a, q } = state.filter || {};
  const all = state.addresses || [];
  const sign = JSON.stringify([a, q, all.map(x => [x.id, x.unread])]);

  if (tools.dataset.sign === sign
    || (tools.dataset.sign && tools.contains(document.activeElement)
      && document.activeElement.tagName !== 'A'))
  {
    return;
  }
  tools.dataset.sign = sign;

  const find = h('input', { type: 'search', name: 'q', value: q, id: 'find',
    placeholder: t('search'), 'aria-label': t('search') });
  let wait;
  const seek = () => go({ ...state.filter, q: find.value.trim() });
  find.addEventListener('input', () => {
    clearTimeout(wait);
    wait = setTimeout(seek, 300);
  });

  put(tools, 
    h('form', { role: 'search', onsubmit(e) {
      e.preventDefault();
      clearTimeout(wait);
      seek();
    } }, find),
    all.length > 1 && select({
      'aria-label': t('address'),
      onchange: e => go({ ...state.filter, a: e.target.value, m: '' }),
    }, [['', t('all addresses')], ...all.map(x => [x.id,
      x.address + (x.unread ? ` (${x.unread})` : '')])], a));
}

// One row: which mails are shown or, once some are chosen, what to do with them.
function drawBulk() {
  const ids = [...chosen], { f } = state.filter || {}, bin = f === 'bin';
  const some = state.items.filter(i => chosen.has(i.id));
  const all = ids.length > 0 && ids.length === state.items.length;
  const sign = JSON.stringify([ids.length, state.items.length, state.filter,
    some.some(i => !i.isRead), some.some(i => !i.isStarred)]);

  if (bulk.dataset.sign === sign) {
    return;
  }
  bulk.dataset.sign = sign;

  const back = bulk.contains(document.activeElement)
    && document.activeElement.dataset.do;
  const flagger = (sign, label, flags) => button(label, () =>
    attempt(() => change(ids, flags)),
    { class: 'quiet', sign, show: false, 'data-do': sign });

  const check = h('input', {
    type: 'checkbox', 'aria-label': t('select all'), 'data-do': 'all',
    disabled: !state.items.length,
    onchange() {
      chosen.clear();
      if (!all) {
        state.items.forEach(i => chosen.add(i.id));
      }
      render();
    },
  });
  check.checked = all;
  check.indeterminate = ids.length > 0 && !all;

  put(bulk, h('label', { class: 'pick' }, check), ...ids.length ? [
    h('span', { class: 'room' }, t('selected', { n: ids.length })),
    some.some(i => !i.isRead) ? flagger('mail', t('mark read'), { isRead: true })
      : flagger('mail', t('mark unread'), { isRead: false }),
    some.some(i => !i.isStarred) ? flagger('star', t('star'), { isStarred: true })
      : flagger('star', t('unstar'), { isStarred: false }),
    ...bin ? [
      button(t('restore'), () => restore(ids), { class: 'quiet' }),
      button(t('delete for good'), () => destroyAsked(ids),
        { class: 'quiet danger' }),
    ] : [button(t('to bin'), () => binThem(ids),
      { class: 'quiet', sign: 'trash', show: false })],
  ] : [h('nav', { class: 'filters', 'aria-label': t('filters') },
    [['', 'all'], ['unread', 'unread'], ['starred', 'starred'],
    ['bin', 'bin']].map(([name, label]) => h('a', {
      href: here({ f: name, m: '' }), 'data-do': label,
      'aria-current': (f || '') === name && 'true',
    }, t(label))))]);
  if (back) {
    bulk.querySelector(`[data-do="${back}"]`)?.focus();
  }
}

// --- deleting ----------------------------------------------------------------

// Away from the mails that go: to the next row, or the list of none.
function step(ids) {
  const gone = new Set(ids);
  const at = state.items.findIndex(i => gone.has(i.id));
  const next = state.items.slice(at).find(i => !gone.has(i.id))
    || state.items.slice(0, Math.max(0, at)).findLast(i => !gone.has(i.id));
  const inside = list.contains(document.activeElement);

  ids.forEach(id => chosen.delete(id));
  current = next?.id ?? null;
  if (gone.has(route().m)) {
    go({ ...state.filter });
  }
  return () => inside && focus(rows.get(current));
}

export async function binThem(ids) {
  const after = step(ids);

  await attempt(async () => {
    const done = change(ids, { isDeleted: true });
    after();
    await done;
    toast(t('binned', { n: ids.length }), t('undo'), () => restore(ids));
  });
}

export async function restore(ids) {
  step(ids);
  await attempt(async () => {
    await change(ids, { isDeleted: false });
    toast(t('restored', { n: ids.length }));
  });
}

export async function destroyAsked(ids) {
  if (await confirm(t('delete for good'), t('destroy?', { n: ids.length }),
    t('delete for good')))
  {
    const after = step(ids);
    await attempt(() => destroy(ids));
    after();
  }
}

// --- the list ----------------------------------------------------------------

function render(all) {
  const known = new Set(state.items.map(i => i.id));
  for (const [id, row] of rows) {
    if (!known.has(id)) {
      row.remove();
      rows.delete(id);
      chosen.delete(id);
    }
  }
  if (!known.has(current)) {
    current = state.items[0]?.id ?? null;
  }

  // Under a hand that is at work nothing moves: new ones wait a moment.
  const busy = all !== true && rows.size && Date.now() - acted < REST;
  const first = list.querySelector('li[data-id]');
  const top = first?.offsetTop;
  held = busy && list.scrollTop === 0
    ? Math.max(0, state.items.findIndex(i => rows.has(i.id))) : 0;

  let at = list.firstElementChild;
  for (const item of state.items.slice(held)) {
    let row = rows.get(item.id);
    if (!row) {
      row = newRow(item);
      rows.set(item.id, row);
    }
    if (row === at) {
      at = at.nextElementSibling;
    } else {
      list.insertBefore(row, at);
    }
    fill(row, item);
  }
  while (at) {
    const next = at.nextElementSibling;
    at.remove();
    at = next;
  }
  if (first?.isConnected && list.scrollTop > 0) {
    list.scrollTop += first.offsetTop - top;
  }

  clearTimeout(resting);
  if (held) {
    resting = setTimeout(render, REST);
  }
  pill.hidden = !held;
  pill.textContent = t('new ones', { n: held });

  foot();
  drawBulk();
  near();
}

// Under the rows: what is going on, or why there are none.
function foot() {
  const { q, f } = state.filter || {};
  let what = null;

  if (state.error) {
    what = [h('p', {}, t('list failed')), button(t('retry'), more)];
  } else if (state.loading || (!state.done && !state.items.length)) {
    what = [h('p', { class: 'wait' }, t('loading'))];
  } else if (!state.items.length) {
    what = [h('p', { class: 'empty' },
      q ? t('nothing found', { q }) : t(`empty ${f || 'inbox'}`))];
  }
  if (what) {
    list.append(h('li', { class: 'foot' }, what));
  }
}

function near() {
  if (!state.error && list.isConnected && rows.size
    && list.scrollTop + 2 * list.clientHeight > list.scrollHeight - 400)
  {
    more();
  }
}

function newRow(item) {
  const check = h('input', { type: 'checkbox', 'aria-label':
    t('select', { subject: item.subject || t('no subject') }),
    onchange(e) {
      pick(item.id, e.target.checked);
    } });
  const row = h('li', { 'data-id': item.id },
    h('label', { class: 'pick' }, check),
    h('a', {},
      h('span', { class: 'from' }, item.fromName || item.from || t('nobody')),
      h('span', { class: 'marks' },
        item.trackersRemoved > 0 && h('span', {
          class: 'badge', title: t('trackers', { n: item.trackersRemoved }),
        }, icon('shield'), item.trackersRemoved,
          h('span', { class: 'hidden' }, t('trackers short'))),
        item.hasAttachments && h('span', { class: 'mark',
          title: t('attachments') }, icon('clip'),
          h('span', { class: 'hidden' }, t('attachments'))),
        h('time', { datetime: item.receivedAt }, when(item.receivedAt))),
      h('span', { class: 'subject' }, item.subject || t('no subject')),
      h('span', { class: 'preview' }, item.preview),
      h('span', { class: 'hidden state' })),
    h('button', { type: 'button', class: 'star', onclick() {
      attempt(() => change([item.id], { isStarred: !shownItem(item.id).isStarred }));
    } }, icon('star')));
  return row;
}

const shownItem = id => state.items.find(i => i.id === id);

function fill(row, item) {
  const open = route().m === item.id;
  const reached = item.id === current ? '0' : '-1';
  const sign = [item.isRead, item.isStarred, chosen.has(item.id), reached, open,
    here({ m: item.id })].join();

  if (row.dataset.sign === sign) {
    return;
  }
  row.dataset.sign = sign;

  const [check, a, star] = row.querySelectorAll('input, a, button');
  row.classList.toggle('unread', !item.isRead);
  check.checked = chosen.has(item.id);
  a.href = here({ m: item.id });
  a.setAttribute('aria-current', open ? 'true' : 'false');
  a.querySelector('.state').textContent = item.isRead ? '' : t('unread');
  star.setAttribute('aria-pressed', String(item.isStarred));
  star.setAttribute('aria-label', t('star'));
  for (const e of [check, a, star]) {
    e.tabIndex = reached;
  }
}

function pick(id, yes) {
  if (yes) {
    chosen.add(id);
  } else {
    chosen.delete(id);
  }
  render();
}

// --- keyboard ----------------------------------------------------------------

function reach(row) {
  const id = row?.dataset.id;

  if (id && id !== current) {
    const old = current;
    current = id;
    [old, id].forEach(x => rows.has(x) && fill(rows.get(x), shownItem(x)));
  }
}

function focus(row) {
  reach(row);
  row?.querySelector('a').focus();
}

// Only while the list has the focus: single letters are nobody else's.
function keys(e) {
  act();
  const row = e.target.closest('li[data-id]');
  if (!row || e.ctrlKey || e.metaKey || e.altKey) {
    return;
  }

  const id = row.dataset.id, item = shownItem(id);
  const ids = chosen.size ? [...chosen] : [id];
  const moves = { j: 'nextElementSibling', ArrowDown: 'nextElementSibling',
    k: 'previousElementSibling', ArrowUp: 'previousElementSibling' };

  if (moves[e.key]) {
    const next = row[moves[e.key]];
    if (next?.dataset.id) {
      focus(next);
    }
  } else if (e.key === 'Home' || e.key === 'End') {
    focus(e.key === 'Home' ? list.querySelector('li')
      : rows.get(state.items.at(-1).id));
  } else if (e.key === 'x') {
    pick(id, !chosen.has(id));
    announce(t('selected', { n: chosen.size }));
  } else if (e.key === 's') {
    attempt(() => change(ids, { isStarred: !item.isStarred }));
  } else if (e.key === 'u') {
    attempt(() => change(ids, { isRead: !item.isRead }));
  } else if (e.key === 'Delete' || e.key === '#') {
    (state.filter.f === 'bin' ? destroyAsked : binThem)(ids);
  } else if (e.key === 'z') {
    document.querySelector('.toast button')?.click();
  } else if (e.key === '/') {
    $('find').focus();
  } else {
    return;
  }
  e.preventDefault();
}
