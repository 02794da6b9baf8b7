// What the page knows: the key, the addresses, the list that is shown, the mail
// that is read, how the link to the server is.  Views read `state`; what changes
// it ends in hooks.draw().  All that changes mail goes through here, so that it
// is right at once and put right again if the server refuses.

import { call, get, useKey } from './api.js';
import { listen } from './events.js';

const PAGE = 100;
const FLAGS = ['isRead', 'isStarred', 'isDeleted'];

// What the browser keeps for us, or, with a value, shall from now on.  It may
// refuse: then the key lasts as long as the page.
export function kept(name, value) {
  const full = `junkmail.${name}`;

  try {
    if (value === '') {
      localStorage.removeItem(full);
    } else if (value) {
      localStorage.setItem(full, value);
    }
    return localStorage.getItem(full);
  } catch {
    return null;
  }
}

export const state = {
  key: kept('key') || '',
  why: '',                    // there is no key any more
  addresses: null,            // null until they are known
  link: 'waiting',
  filter: null,               // { a: address, f: unread|starred|bin, q }
  items: [], total: 0, done: false, loading: false, error: null,
  mail: null,                 // all of the one that is read
};

// What main.js sets: to draw again soon or now, and to say that mail has come.
export const hooks = {};

function show(news) {
  Object.assign(state, news);
  hooks.draw();
}

let stop, turn = 0, newest = '';

// --- the address bar ---

// All that is shown stands behind the #, so that going back, reloading and deep
// links work.  a, f, q: the list; m: mail, s: how it is shown; v: another page.
export const route = () =>
  Object.fromEntries(new URLSearchParams(location.hash.slice(1)));

// A link to `params`; what is empty is left out.
export const link = params => '#' + new URLSearchParams(
  Object.entries(params).filter(([, value]) => value));

export function go(params) {
  location.hash = link(params);
}

// --- the key ---

useKey(state.key);

// Another tab of this browser has signed in or out.
addEventListener('storage', e => e.key === 'junkmail.key' && location.reload());

export async function signUp() {
  useKey('');
  const { data } = await call('POST', '/accounts');
  useKey(data.key);
  await call('POST', '/addresses', {}).finally(() => enter(data.key));
}

// With a key that somebody has; throws if it is none.
export async function signIn(key) {
  useKey(key);
  await get('/accounts/me');
  enter(key);
}

function enter(key) {
  kept('key', key);
  useKey(state.key = key);
  begin();
}

export function signOut(why = '') {
  stop?.();
  ['key', 'saved'].forEach(name => kept(name, ''));
  useKey('');
  turn++;
  newest = '';
  show({ key: '', why, addresses: null, filter: null, items: [], mail: null });
  go({});
}

export function begin() {
  readAddresses().catch(lost);
  stop = listen({
    key: state.key, frame,
    link: now => show({ link: now }),
    poll: () => Promise.all([sync(), readAddresses()]),
    check: () => get('/accounts/me').catch(e => {
      lost(e);
      throw e;
    }),
  });
  hooks.draw();
}

// A key that is gone ends everything, other errors go on.
export function lost(e) {
  if (e.status === 401) {
    signOut('key gone');
  } else {
    show({ error: e });
  }
}

// Runs `work` once for many calls.
const due = {};

function soon(name, work) {
  due[name] ??= setTimeout(() => {
    delete due[name];
    state.key && work().catch(lost);
  }, 1000);
}

// --- addresses ---

async function readAddresses() {
  const all = [];

  for (let data; !data || (data.addresses.length && all.length < data.total);) {
    ({ data } = await get(`/addresses?limit=100&offset=${all.length}`));
    all.push(...data.addresses);
  }
  show({ addresses: all });
}

export const over = a => a.expiresAt && new Date(a.expiresAt) <= Date.now();

export const unread = () =>
  (state.addresses || []).reduce((n, a) => n + a.unread, 0);

// POST, PATCH or DELETE of one; resolves to it.
export async function address(method, fields, id = '') {
  const { data } = await call(method, `/addresses${id && '/'}${id}`, fields);

  await readAddresses();
  return data;
}

// --- the list ---

const page = ({ a, f, q }, after) => get('/emails' + link({
  fields: 'summary', limit: PAGE, address_id: a, q, after,
  [f === 'bin' ? 'is_deleted' : f || 'f']: f && 'true',
}).replace('#', '?'));

export function openList(filter) {
  turn++;
  Object.assign(state, { filter, items: [], total: 0, done: false,
    loading: false, error: null });
  more();
}

// The next page.
export async function more() {
  const mine = turn;

  if (state.loading || state.done || !state.filter) {
    return;
  }
  show({ loading: true, error: null });
  try {
    const { data, total } = await page(state.filter, state.items.at(-1)?.id);
    if (mine === turn) {
      const known = new Set(state.items.map(i => i.id));
      state.items.push(...data.filter(i => !known.has(i.id)));
      Object.assign(state, { total, done: data.length < PAGE });
      seen(data);
    }
  } catch (e) {
    mine === turn && lost(e);
  }
  mine === turn && show({ loading: false });
}

// The first page again.  What lies behind it stays, unless it is `all` in doubt
// or more has come than this page holds.
async function sync(all) {
  const mine = turn, before = newest, top = state.items[0]?.id;

  if (!state.filter) {
    return;
  }
  const { data, total } = await page(state.filter);
  if (mine !== turn) {
    return;
  }
  // Ids sort by time.
  const last = data.length === PAGE && !all && data.at(-1).id;
  const behind = last && last <= top ? state.items.filter(i => i.id < last) : [];
  show({ items: [...data, ...behind], total, error: null,
    done: behind.length ? state.done : data.length < PAGE });
  seen(data);
  if (before) {
    data.filter(i => i.id > before && !i.isRead && !i.isDeleted)
      .reverse().forEach(i => hooks.arrived(i));
  }
}

// After an error.
export const retry = () => state.done ? sync(true).catch(lost) : more();

// In an empty box whatever comes is new.
function seen(items) {
  newest = items.reduce((a, { id }) => id > a ? id : a, newest || '0');
}

// --- events ---

function fits(item) {
  const { a, f } = state.filter;

  return (!a || item.addressId === a) && item.isDeleted === (f === 'bin')
    && (f !== 'starred' || item.isStarred) && (f !== 'unread' || !item.isRead);
}

function frame({ type, data = {} }) {
  const ids = data.ids || [data.id];

  switch (type) {
  case 'pong':
    return;

  case 'hello':
    // what came between the first page and this
    sync().catch(() => {});
    return;

  case 'reset':
    soon('all', () => sync(true));
    break;

  case 'email.received':
    if (state.filter?.q) {
      soon('list', sync);
    } else if (state.filter && fits(data)
      && !state.items.some(i => i.id === data.id))
    {
      const at = state.items.findIndex(i => i.id < data.id);
      state.items.splice(at < 0 ? state.items.length : at, 0, data);
      state.total++;
    }
    if (data.id > newest) {
      seen([data]);
      hooks.arrived(data);
    }
    break;

  case 'email.updated':
    flag(ids, data);
    break;

  case 'email.deleted':
    drop(ids);
  }

  soon('addresses', readAddresses);
  hooks.draw();
}

function drop(ids) {
  const gone = new Set(ids), kept = state.items.filter(i => !gone.has(i.id));

  state.total -= state.items.length - kept.length;
  state.items = kept;
}

// Flags of mails.  What is read or loses its star stays where the eye is; what
// changes sides with the bin goes, or has to be fetched.
function flag(ids, flags) {
  const some = new Set(ids);
  const found = state.items.filter(i => some.has(i.id));

  for (const item of [...found, state.mail]) {
    for (const name of FLAGS.filter(n => n in flags && some.has(item?.id))) {
      item[name] = flags[name];
    }
  }
  drop(found.filter(i => i.isDeleted !== (state.filter?.f === 'bin'))
    .map(i => i.id));
  if (found.length < ids.length) {
    soon('list', sync);
  }
  hooks.draw();
}

// --- changing mail ---

// Changes the list at once, then does `work` with a hundred at a time.  If that
// fails all is read again or, if that fails too, as it was before.
async function each(ids, atOnce, work) {
  const mine = turn, { mail, total } = state, was = { ...mail };
  const items = state.items.map(i => ({ ...i }));

  atOnce();
  hooks.draw();
  try {
    for (let i = 0; i < ids.length; i += 100) {
      await work(ids.slice(i, i + 100));
    }
    soon('addresses', readAddresses);
  } catch (e) {
    FLAGS.forEach(name => mail && (mail[name] = was[name]));
    sync(true).catch(() =>
      mine === turn && Object.assign(state, { items, total })).then(hooks.draw);
    throw e;
  }
}

export const change = (ids, flags) => each(ids, () => flag(ids, flags),
  some => call('PATCH', '/emails', { ids: some, ...flags }));

// For good.
export const destroy = ids => each(ids, () => drop(ids),
  some => Promise.all(some.map(id =>
    call('DELETE', `/emails/${id}?permanent=true`).catch(e => {
      if (e.status !== 404) {
        throw e;
      }
    }))));
