// What the page knows: the addresses, the list that is shown, the mail that is
// read, how the link to the server is.  Views read `state`; what changes it ends
// in hooks.draw().

import { call, enter, get } from './api.js';
import { listen } from './events.js';

const PAGE = 100;
const AGAIN = 10000;  // after a failure

export const state = {
  me: null,         // the account, null until it is known
  away: null,       // why what was asked for last is not there
  addresses: null,  // null until they are known
  link: 'waiting',
  filter: {},       // { a: address, f: unread|starred|bin, q }
  items: [], total: 0, done: false,
  near: '',         // a mail a little above those that are seen
  mail: null,       // all of the one that is read
};

// What main.js sets: to draw again soon or now, and to say that mail has come.
export const hooks = {};

function show(news) {
  Object.assign(state, news);
  hooks.draw();
}

// --- the address bar

// All that is shown stands behind the #, so that going back, reloading and deep
// links work.  a, f, q: the list; m: mail, s: how it is shown; v: another page.
export const route = () =>
  Object.fromEntries(new URLSearchParams(location.hash.slice(1)));

// A link to `params`; what is empty is left out.
export const link = params => '#' + new URLSearchParams(
  Object.entries(params).filter(([, value]) => value));

// --- the key

export async function signUp() {
  const { data: { key } } = await call('POST', '/accounts');

  await call('POST', '/addresses', {}, key).finally(() => begin(key));
}

// With a key that somebody has; throws if it is none.
export async function signIn(key) {
  await get('/accounts/me', key);
  begin(key);
}

export function begin(key) {
  enter(key);
  soon('addresses', readAddresses, 0);
  listen({
    frame,
    link: now => show({ link: now }),
    async poll() {
      await load();
      await (state.near && load(state.near));
      await readAddresses();
    },
    check: () => get('/accounts/me'),
  });
  hooks.draw();
}

// Runs `work` once for many calls, and until it succeeds.  Two of them at this pace
// stay below the requests a minute that a key has.
const due = {};

export function soon(name, work, ms = 2000) {
  due[name] ??= setTimeout(() => {
    delete due[name];
    work().then(() => show({ away: null }), away => {
      show({ away });
      soon(name, work, AGAIN);
    });
  }, ms);
}

// --- addresses

async function readAddresses() {
  const { data: me } = await get('/accounts/me'), all = [];
  let data;

  do {
    ({ data } = await get(`/addresses?limit=100&offset=${all.length}`));
    all.push(...data.addresses);
  } while (data.addresses.length && all.length < data.total);
  me.full = ['emails', 'bytes'].some(x => me.quota[x] && me[x] >= me.quota[x]);
  show({ me, addresses: all });
}

export const over = a => a.expiresAt && new Date(a.expiresAt) <= Date.now();

// POST, PATCH or DELETE of one, which is then known.
export async function address(method, path, fields) {
  const { data } = await call(method, `/addresses${path}`, fields);

  await readAddresses();
  return data;
}

// --- the list

let newest = '';
let reading;    // the filter of which a page is on its way
let all = [];   // the list, and what has left it for the bin or from there

export function openList(filter) {
  all = [];
  Object.assign(state, { filter, items: [], total: 0, done: false, away: null });
  more();
}

// The next page or, if there is none and yet something failed, the first again.
export async function more() {
  const { filter, done, items } = state;

  if (reading !== filter) {
    reading = filter;
    await load(done ? '' : items.at(-1)?.id).catch(away => {
      show({ away });
      soon('list', load, AGAIN);
    });
    reading = reading === filter ? null : reading;
  }
}

// Reads the first page, or the one after a mail.  What the list has of the same
// time gives way; what lies behind stays, unless more has come than a page holds.
async function load(after = '') {
  const { filter } = state, { a, f, q } = filter, before = all;
  const { data, total } = await get('/emails' + link({
    fields: 'summary', limit: PAGE, address_id: a, q, after,
    [f === 'bin' ? 'is_deleted' : f || 'f']: f && 'true',
  }).replace('#', '?'));
  if (filter !== state.filter) {
    return;
  }

  if (all !== before) {
    // something came meanwhile, and the answer may be older
    soon('list', load);
  }
  const last = data.length === PAGE ? data.at(-1).id : '';
  const joins = last <= state.items[0]?.id, ids = new Set(data.map(i => i.id));
  keep([...data, ...all.filter(i => !ids.has(i.id)
    && (!here(i) || (after && i.id >= after) || (joins && i.id < last)))]);
  show({ total, away: null,
    done: state.items.at(-1)?.id < last ? state.done : !last });
  if (newest) {
    data.filter(i => i.id > newest && !i.isRead && !i.isDeleted)
      .reverse().forEach(hooks.arrived);
  }
  seen(data[0]?.id);
}

const here = i => i.isDeleted === (state.filter.f === 'bin');

// Ids sort by time.
function keep(items) {
  all = items.toSorted((x, y) => x.id < y.id ? 1 : -1);
  const shown = all.filter(here);
  state.total += shown.length - state.items.length;
  state.items = shown;
}

// In an empty box whatever comes is new.
function seen(id = '0') {
  newest = id > newest ? id : newest;
}

// --- events

function fits(item) {
  const { a, f } = state.filter;

  return here(item) && (!a || item.addressId === a)
    && (f !== 'starred' || item.isStarred) && (f !== 'unread' || !item.isRead);
}

function frame({ type, data: { ids, ...data } = {} }) {
  const some = ids || [data.id];

  switch (type) {
  case 'pong':
    return;

  case 'hello':
    // what came between the first page and this
    soon('list', load, 0);
    break;

  case 'reset':
    openList({ ...state.filter });
    break;

  case 'email.received':
    if (state.filter.q) {
      soon('list', load);
    } else if (fits(data) && !all.some(i => i.id === data.id)) {
      keep([data, ...all]);
    }
    if (data.id > newest) {
      seen(data.id);
      hooks.arrived(data);
    }
    break;

  case 'email.updated':
    flag(some, data);
    break;

  case 'email.deleted':
  case 'address.deleted':
  case 'address.expired':
    drop(some);
    soon('list', load);
  }

  soon('addresses', readAddresses);
  hooks.draw();
}

// These, or those of these addresses, are no more.
function drop(ids) {
  const gone = new Set(ids), stays = i => !gone.has(i.id) && !gone.has(i.addressId);

  keep(all.filter(stays));
  if (state.mail && !stays(state.mail)) {
    state.mail = null;
  }
}

// Flags of mails.  What is read or loses its star stays where the eye is; what
// changes sides with the bin goes or comes back, or has to be fetched.
function flag(ids, flags) {
  const some = new Set(ids), found = all.filter(i => some.has(i.id));

  for (const item of [...found, state.mail]) {
    some.has(item?.id) && Object.assign(item, flags);
  }
  keep(all);
  if (found.length < ids.length) {
    soon('list', load);
  }
}

// --- changing mail

// A hundred at a time.  What is done is shown, and no more than that.
async function each(ids, work, done) {
  for (let i = 0; i < ids.length; i += 100) {
    const some = ids.slice(i, i + 100);
    await work(some);
    done(some);
    hooks.draw();
  }
  soon('addresses', readAddresses);
}

export const change = (ids, flags) => each(ids,
  some => call('PATCH', '/emails', { ids: some, ...flags }),
  some => flag(some, flags));

// For good.
export const destroy = ids => each(ids, some => Promise.all(some.map(id =>
  call('DELETE', `/emails/${id}?permanent=true`))), drop);
