// What the page knows: the key, the addresses, the list that is shown, and how
// the link to the server is.  Views read `state` and hear of changes by `on`;
// whatever changes mail goes through here, so that the list is right at once and
// put right again if the server refuses.

import { ApiError, call, get, useKey } from './api.js';
import { listen } from './events.js';

const PAGE = 50;

export const state = {
  key: localStorage.getItem('junkmail.key') || '',
  addresses: null,            // null until they are known
  link: 'waiting',
  filter: null,               // { a: address, f: unread|starred|bin, q }
  items: [], total: 0, done: false, loading: false, error: null,
};

const hub = new EventTarget();
let push, turn = 0, newest = '', addressesDue, syncDue;

// Calls back with the detail of each `name`; returns how to stop that.
export function on(name, back) {
  const hear = e => back(e.detail);

  hub.addEventListener(name, hear);
  return () => hub.removeEventListener(name, hear);
}

const emit = (name, detail) => hub.dispatchEvent(new CustomEvent(name, { detail }));

// --- the key -----------------------------------------------------------------

// Another tab of this browser has signed in or out.
addEventListener('storage', e => {
  if (e.key === 'junkmail.key') {
    location.reload();
  }
});

export async function signUp() {
  const { data } = await call('POST', '/accounts');

  useKey(data.key);
  localStorage.setItem('junkmail.key', data.key);
  state.key = data.key;
  await call('POST', '/addresses', {}).finally(begin);
}

// With a key that somebody has; throws if it is none.
export async function signIn(key) {
  useKey(key);
  try {
    await get('/accounts/me');
  } catch (e) {
    useKey(state.key);
    throw e;
  }
  localStorage.setItem('junkmail.key', key);
  state.key = key;
  begin();
}

export function signOut(why) {
  push?.stop();
  localStorage.removeItem('junkmail.key');
  useKey('');
  Object.assign(state, { key: '', addresses: null, items: [], filter: null });
  emit('out', why);
}

export function begin() {
  push?.stop();
  useKey(state.key);
  readAddresses().catch(lost);
  push = listen({
    key: state.key, frame, poll,
    link(l) {
      state.link = l;
      emit('link');
    },
    check: () => get('/accounts/me').catch(e => {
      lost(e);
      throw e;
    }),
  });
  emit('in');
}

// A key that is gone ends everything, other errors go on.
function lost(e) {
  if (e.status === 401) {
    signOut('gone');
  } else {
    state.error = e;
    emit('list');
  }
}

// --- addresses ---------------------------------------------------------------

export async function readAddresses() {
  const all = [];

  for (let page; !page || all.length < page.total;) {
    page = (await get(`/addresses?limit=100&offset=${all.length}`)).data;
    if (!page.addresses.length) {
      break;
    }
    all.push(...page.addresses);
  }
  state.addresses = all;
  emit('addresses');
}

// Counters follow the mail, once for many events.
function touchAddresses() {
  addressesDue ??= setTimeout(() => {
    addressesDue = null;
    readAddresses().catch(lost);
  }, 400);
}

export const address = id => state.addresses?.find(a => a.id === id);

export const over = a => Boolean(a.expiresAt && new Date(a.expiresAt) <= Date.now());

export const unread = () =>
  (state.addresses || []).reduce((n, a) => n + a.unread, 0);

export async function makeAddress(fields) {
  const { data } = await call('POST', '/addresses', fields);
  await readAddresses();
  return data;
}

export async function changeAddress(id, fields) {
  await call('PATCH', `/addresses/${id}`, fields);
  await readAddresses();
}

export async function deleteAddress(id) {
  await call('DELETE', `/addresses/${id}`);
  await readAddresses();
}

// --- the list ----------------------------------------------------------------

function page(after) {
  const { a, f, q } = state.filter;
  const ask = new URLSearchParams({ fields: 'summary', limit: PAGE });

  if (a) {
    ask.set('address_id', a);
  }
  if (f === 'bin') {
    ask.set('is_deleted', 'true');
  } else if (f) {
    ask.set(f, 'true');
  }
  if (q) {
    ask.set('q', q);
  }
  if (after) {
    ask.set('after', after);
  }
  return get(`/emails?${ask}`);
}

export function openList(filter) {
  turn++;
  Object.assign(state, { filter, items: [], total: 0, done: false,
             loading: false, error: null });
  return more();
}

// The next page.
export async function more() {
  const mine = turn;

  if (state.loading || state.done || !state.filter) {
    return;
  }
  state.loading = true;
  emit('list');
  try {
    const { data, total } = await page(state.items.at(-1)?.id);
    if (mine !== turn) {
      return;
    }
    const known = new Set(state.items.map(i => i.id));
    state.items.push(...data.filter(i => !known.has(i.id)));
    Object.assign(state, { total, done: data.length < PAGE, error: null });
    seen(data);
  } catch (e) {
    if (mine === turn) {
      lost(e);
    }
  }
  if (mine === turn) {
    state.loading = false;
    emit('list');
  }
}

// The first page again; what lies behind it stays, unless it is `all` doubtful.
export async function sync(all) {
  const mine = turn;

  if (!state.filter) {
    return;
  }
  const { data, total } = await page();
  if (mine !== turn) {
    return;
  }
  // Ids sort by time.
  const behind = all || data.length < PAGE ? []
    : state.items.filter(i => i.id < data.at(-1).id);
  const before = newest;
  Object.assign(state, { items: [...data, ...behind], total, error: null });
  if (!behind.length) {
    state.done = data.length < PAGE;
  }
  seen(data);
  emit('list');
  if (before) {
    data.filter(i => i.id > before && !i.isRead && !i.isDeleted)
      .forEach(i => emit('arrived', i));
  }
}

function touchList() {
  syncDue ??= setTimeout(() => {
    syncDue = null;
    sync().catch(lost);
  }, 300);
}

function seen(items) {
  for (const { id } of items) {
    newest = id > newest ? id : newest;
  }
  // an empty box: whatever comes is new
  newest ||= '0';
}

const poll = () => Promise.all([sync(), readAddresses()]);

// --- events ------------------------------------------------------------------

function fits(item) {
  const { a, f, q } = state.filter || {};

  return !q && (!a || item.addressId === a) && item.isDeleted === (f === 'bin')
    && (f !== 'starred' || item.isStarred) && (f !== 'unread' || !item.isRead);
}

function frame({ type, data }) {
  const ids = data && (data.ids || [data.id]);

  switch (type) {
  case 'hello':
    // what came between the first page and this
    sync().catch(() => {});
    break;

  case 'reset':
    sync(true).catch(lost);
    break;

  case 'email.received':
    if (state.filter?.q) {
      touchList();
    } else if (fits(data) && !state.items.some(i => i.id === data.id)) {
      const at = state.items.findIndex(i => i.id < data.id);
      state.items.splice(at < 0 ? state.items.length : at, 0, data);
      state.total++;
      emit('list');
    }
    if (data.id > newest) {
      seen([data]);
      emit('arrived', data);
    }
    break;

  case 'email.updated':
    flag(ids, data);
    break;

  case 'email.deleted':
    drop(ids);
    break;
  }

  if (type !== 'hello') {
    touchAddresses();
  }
  if (ids) {
    emit('changed', { type, ids, data });
  }
}

function drop(ids) {
  const before = state.items.length;

  state.items = state.items.filter(i => !ids.includes(i.id));
  state.total -= before - state.items.length;
  emit('list');
}

// Flags of mails, in the list.  What is read or loses its star stays where the
// eye is; what changes sides with the bin goes, or has to be fetched.
function flag(ids, flags) {
  const known = new Set(ids);
  let found = 0;

  for (const item of state.items) {
    if (known.has(item.id)) {
      found++;
      for (const name of ['isRead', 'isStarred', 'isDeleted']) {
        item[name] = flags[name] ?? item[name];
      }
    }
  }
  if ('isDeleted' in flags) {
    const bin = state.filter?.f === 'bin';
    drop(state.items.filter(i => known.has(i.id) && i.isDeleted !== bin)
      .map(i => i.id));
  }
  if (found < ids.length && state.filter) {
    touchList();
  }
  emit('list');
}

// --- changing mail -----------------------------------------------------------

async function optimistic(ids, flags, work) {
  flag(ids, flags);
  try {
    await work();
    touchAddresses();
  } catch (e) {
    sync().catch(() => {});
    throw e;
  }
}

export const change = (ids, flags) => optimistic(ids, flags, async () => {
  for (let i = 0; i < ids.length; i += 100) {
    await call('PATCH', '/emails', { ids: ids.slice(i, i + 100), ...flags });
  }
});

// For good.
export async function destroy(ids) {
  drop(ids);
  try {
    for (const id of ids) {
      await call('DELETE', `/emails/${id}?permanent=true`).catch(e => {
        if (!(e instanceof ApiError) || e.status !== 404) {
          throw e;
        }
      });
    }
  } catch (e) {
    sync().catch(() => {});
    throw e;
  }
}
