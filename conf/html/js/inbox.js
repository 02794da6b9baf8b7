// The inbox: an address to give away, tools, the list, and beside it (on a phone
// instead of it) the mail.  All rows have one height, so only those near the
// eye are there, and what comes in above them moves the scroll bar, not them.

import { $, announce, attempt, button, confirm, fill, h, icon, nav, select, toast,
  tool, trouble } from './dom.js';
import { t, when } from './i18n.js';
import { kept } from './api.js';
import { change, destroy, hooks, link, more, openList, over, route, state }
  from './state.js';
import { extend, giveaway, life, saveKey } from './account.js';
import { open, pane } from './mail.js';

const HELP = { '/': 'search', s: 'star', u: 'mark unread', Delete: 'to bin', z: 'undo' };
const FILTERS = ['all', 'unread', 'starred', 'bin'];
const MORE = 10;         // rows above and below those that are seen
const REST = 3000;       // after a hand was at the list

const chosen = new Set();
let current;             // the row that Tab reaches
let acted = 0, resting;  // when a hand was last at the list
let top = 0;             // where the list is scrolled to
let anchor = {};         // the topmost row: which, and its mail
let held = 0;            // how many came above unseen

export function inbox(main, { a = '', f: wish, q = '', m = '', s = '' }) {
  const old = state.filter, f = FILTERS.indexOf(wish) > 0 ? wish : '';

  if (a && state.addresses?.every(x => x.id !== a)) {
    toast(t('error NOT_FOUND'));
    location.replace(link({ f, q, m, s }));
    a = '';
  }

  if (old.a !== a || old.f !== f || old.q !== q) {
    chosen.clear();
    anchor = {};
    $('list')?.scrollTo(0, 0);
    openList({ a, f, q });
  }

  const left = open(m), had = document.activeElement.closest('.bulk, .list');
  current = at(left) < 0 ? current : left;

  fill(main, h('div', { class: m ? 'split open' : 'split' },
    h('section.side', { 'aria-label': t('inbox') },
      h('h1.hidden', t('inbox')), card(), search(), bulk(), list(m)),
    h('section.pane', { id: 'pane', 'aria-label': t('message') },
      m ? pane(m, s) : h('div.quietly', h('p', t('choose')),
        h('p.dim', Object.entries(HELP).map(([key, does]) =>
          [h('kbd', key), ` ${t(does)} `]))))));
  settle();
  if ((!m && left) || (had && document.activeElement === document.body)) {
    reach();
  }
}

export const here = change => link({ ...state.filter, ...change });
const visit = change => location.assign(here(change));
const at = id => state.items.findIndex(i => i.id === id);

// --- the address and the tools

function card() {
  const all = state.addresses;
  const a = all?.find(x => x.id === state.filter.a)
    || all?.find(x => x.isActive && !over(x)) || all?.[0];

  return h('div.card', state.me?.full && h('p.off', t('error QUOTA_EXCEEDED')),
    a ? [giveaway(a),
      h('p.under', life(a),
        button(t('extend'), () => extend(a), 'link'),
        !kept['junkmail.saved'] && button(t('save key'), saveKey, 'link'))]
    : all ? h('a.primary.button', { href: link({ v: 'addresses' }) },
      t('make address')) : h('p.address', '…'));
}

let typing;

function seek() {
  clearTimeout(typing);
  typing = setTimeout(() => visit({ q: $('find').value }), 300);
}

function search() {
  const { a, q } = state.filter, all = state.addresses || [];

  return h('div.tools',
    h('search', h('input', { type: 'search', id: 'find', value: q, oninput: seek,
      placeholder: t('search'), 'aria-label': t('search') })),
    all.length > 1 && select({ 'aria-label': t('address'), value: a,
      onchange: e => visit({ a: e.target.value }) },
    [['', t('all addresses')], ...all.map(x =>
      [x.id, x.address + (x.unread ? ` (${x.unread})` : '')])]));
}

// Those that have gone meanwhile are no longer among the chosen.
const picked = () => state.items.filter(i => chosen.has(i.id));

// Which mails are shown or, once some are chosen, what to do with them.
function bulk() {
  const { f } = state.filter, some = picked();
  const n = some.length, all = n > 0 && n === state.items.length;

  return h('div.bulk',
    h('label.pick', h('input', { type: 'checkbox', checked: all,
      indeterminate: n > 0 && !all, disabled: !state.items.length,
      'aria-label': t('select all'), onchange() {
        state.items.forEach(i => all ? chosen.delete(i.id) : chosen.add(i.id));
        hooks.draw();
      } })),
    n > 0 ? [
      h('span.room', t('selected', { n, total: state.total })),
      tools(some),
    ] : nav('filters', FILTERS, f || 'all', value => here({ f: value })));
}

// --- what can be done with mails

export function tools(items) {
  const ids = items.map(i => i.id), isRead = items.some(i => !i.isRead);

  return [
    star(items),
    tool('mail', t(isRead ? 'mark read' : 'mark unread'),
      () => change(ids, { isRead })),
    items[0].isDeleted ? [
      button(t('restore'), () => bin(ids, false), 'quiet'),
      button(t('delete for good'), () => erase(ids), 'quiet danger'),
    ] : tool('trash', t('to bin'), () => bin(ids, true)),
  ];
}

function star(items, tabindex) {
  const isStarred = items.some(i => !i.isStarred);

  return tool('star', t('star'), () => change(items.map(i => i.id), { isStarred }),
    { class: 'star', tabindex, 'aria-pressed': String(!isStarred) });
}

const erase = ids => confirm(t('delete for good'),
  t('destroy?', { n: ids.length }), () => destroy(ids).then(() => leave(ids)));

async function bin(ids, isDeleted) {
  await change(ids, { isDeleted });
  leave(ids);
  toast(t(isDeleted ? 'binned' : 'restored', { n: ids.length }),
    isDeleted && t('undo'), () => bin(ids, false));
}

// From a mail that has gone to the list.
const leave = ids => ids.includes(route().m) && visit();

// --- the list

// Draws the rows near the eye, in their order, so that Tab and readers meet them
// in it.  Once it is scrolled, or while a hand is at it, no row moves: those that
// come above the topmost one are held out of sight, and a button leads there.
function list(m) {
  const box = $('list'), n = state.items.length;
  const size = box?.querySelector('li')?.getBoundingClientRect().height || 100;
  const moved = at(anchor.id) < 0 ? 0 : at(anchor.id) - anchor.i;

  top = box?.scrollTop ?? 0;
  if (moved && (top > 0 || Date.now() - acted < REST)) {
    top += moved * size;
    held += moved;
  }
  held = Math.max(0, Math.min(held, Math.ceil(top / size - 0.1)));

  const from = Math.floor(top / size + 0.1), seen = (box?.clientHeight ?? 0) / size;
  anchor = { i: from, id: state.items[from]?.id };
  state.near = state.items[from - MORE]?.id;
  if (at(current) < 0) {
    current = (state.items.find(i => !(i.id >= current)) || state.items.at(-1))?.id;
  }

  return h('div.listbox',
    button(t('new ones', { n: held }), () => {
      focus(state.items[0].id);
      $('list').scrollTo(0, 0);
    }, 'pill', { hidden: !held }),
    h('div.list', { id: 'list', onkeydown: keys, onscroll,
      onpointermove: act, onpointerdown: act },
    h('ol', { 'aria-label': t('messages'),
      style: `--n: ${Math.max(n, held && held + seen)}` },
    state.items.map((item, i) => (item.id === current
      || (i > from - MORE && i < from + seen + MORE)) && row(item, i, m))),
    foot()));
}

function settle() {
  const box = $('list');

  if (box.scrollTop !== top) {
    box.scrollTop = top;
  }
  if (!state.away && !state.done && top + 2 * box.clientHeight > box.scrollHeight) {
    more();
  }

  // After a rest, who was at the top sees what is new.
  clearTimeout(resting);
  resting = held > 0 && setTimeout(() => {
    if (anchor.i === held && Date.now() - acted >= REST) {
      box.scrollTo(0, 0);
    }
    hooks.draw();
  }, REST);
}

const act = () => {
  acted = Date.now();
};

const onscroll = e =>
  Math.abs(e.target.scrollTop - top) > (held ? 0 : 300) && hooks.now();

function row(item, i, m) {
  const { id, isRead, trackersRemoved } = item;
  const subject = item.subject || t('no subject');
  const tabindex = id === current ? 0 : -1;
  const mark = (sign, title, kind, n) =>
    h('span', { class: kind, title, role: 'img' }, icon(sign), n);

  return h('li', { 'data-id': id, class: !isRead && 'unread', style: `--i: ${i}`,
    'aria-posinset': i + 1, 'aria-setsize': state.total },
  h('label.pick', h('input', { type: 'checkbox', tabindex,
    checked: chosen.has(id), 'aria-label': t('select', { subject }),
    onchange: () => pick(id) })),
  h('a', { href: here({ m: id }), tabindex, 'aria-current': id === m && 'true' },
    h('span.from', item.fromName || item.from || t('nobody')),
    h('span.marks',
      trackersRemoved > 0 && mark('shield', t('trackers', { n: trackersRemoved }),
        'badge', trackersRemoved),
      item.hasAttachments && mark('clip', t('attachments')),
      h('time', { datetime: item.receivedAt }, when(item.receivedAt))),
    h('span.subject', subject),
    h('span.preview', item.preview),
    !isRead && h('span.hidden', t('unread'))),
  star([item], tabindex));
}

// Under the rows: what is going on, or why there are none.
function foot() {
  const { q, f } = state.filter;

  return state.away || !state.done ? trouble(state.away, more)
    : !state.items.length && h('p.foot.empty',
        q ? t('nothing found', { q }) : t(`empty ${f || 'inbox'}`));
}

function pick(id) {
  chosen.delete(id) || chosen.add(id);
  hooks.draw();
}

// --- keyboard

const reach = () => $('list').querySelector('a[tabindex="0"]')?.focus();

function focus(id) {
  current = id;
  hooks.now();
  reach();
}

// Only while the list has the focus: single letters are nobody else's.
function keys(e) {
  const id = e.target.closest('li')?.dataset.id, i = at(id);
  const item = state.items[i];

  act();
  if (!item || e.ctrlKey || e.metaKey || e.altKey) {
    return;
  }

  const some = picked(), ids = some.length ? some.map(x => x.id) : [id];
  const to = n => focus(state.items.at(Math.min(n, state.items.length - 1)).id);
  const down = () => to(i + 1), up = () => to(Math.max(0, i - 1));
  const away = () => item.isDeleted ? erase(ids) : bin(ids, true);
  const does = {
    j: down, ArrowDown: down, k: up, ArrowUp: up,
    Home: () => to(0), End: () => to(-1),
    x() {
      pick(id);
      announce(t('selected', { n: picked().length, total: state.total }));
    },
    s: () => change(ids, { isStarred: !item.isStarred }),
    u: () => change(ids, { isRead: !item.isRead }),
    Delete: away, '#': away,
    z: () => document.querySelector('.toast button')?.click(),
    '/': () => $('find').focus(),
  };

  if (does[e.key]) {
    e.preventDefault();
    attempt(does[e.key]);
  }
}
