// What is beside the inbox: the way in, the addresses, the account and its keys.

import { button, confirm, copier, copy, dialog, field, fill, form, h, save, select,
  toast, trouble } from './dom.js';
import { call, forget, get, kept, key as mine } from './api.js';
import { bytes, known, left, moment, span, t } from './i18n.js';
import { address, hooks, link, over, signIn, signUp, soon, state } from './state.js';

const SCOPES = ['emails:read', 'emails:write', 'keys:manage'];
const SPANS = [600, 3600, 86400, 604800, 2592000];
const VERBATIM = { autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false' };

// --- before there is a key

export const welcome = (main, { why }) => fill(main, h('div.hero',
  why && h('p.note', { role: 'alert' }, known(`why ${why}`)),
  h('h1', t('claim')),
  h('p.lead', t('claim more')),
  form(signUp, t('make mailbox')),
  h('ul.claims', [1, 2, 3].map(n => h('li', t(`claim ${n}`)))),
  h('details', h('summary', t('have key')),
    form(({ key }) => signIn(key.value.trim()), t('sign in'),
      field(t('key'), h('input', { name: 'key', required: true, ...VERBATIM,
        pattern: '\\s*jm_live_\\w{71}\\s*', placeholder: 'jm_live_…',
        title: t('key form') }))))));

// --- addresses

let domains;

export const spans = (all = SPANS, value = 2592000) =>
  select({ name: 'span', value }, all.map(s => [s, s ? span(s) : t('for ever')]));

// From now on so long; shorter than before is possible, too.
export async function extend(a) {
  const choice = spans();

  if (await dialog(t('extend title', a), field(t('lives from now'), choice),
    t('extend')))
  {
    await address('PATCH', `/${a.id}`, { expiresIn: Number(choice.value) });
  }
}

export const life = a => h('span', { class: a.isActive ? 'dim' : 'off' },
  !a.isActive && !over(a) && `${t('stopped')} · `, left(a.expiresAt));

export const giveaway = a => copier(a.address, 'address', t('copy address', a));

export function addresses(main) {
  if (!domains) {
    domains = [];
    soon('domains', async () => {
      domains = (await get('/server/domains')).data;
    }, 0);
  }

  fill(main, h('h1', t('addresses')),
    box('new address', form(makeAddress, t('make address'),
      field(t('name'), h('input', { name: 'alias', maxlength: 100, ...VERBATIM,
        placeholder: t('random') })),
      field(t('domain'), select({ name: 'domain' },
        domains.map(d => [d, `@${d}`]))),
      field(t('life'), spans()))),
    state.addresses ? h('ul.cards', state.addresses.map(one),
      !state.addresses.length && h('li.empty', t('no address')))
      : trouble(state.away));
}

async function makeAddress({ alias, domain, span: seconds }) {
  const made = await address('POST', '', {
    expiresIn: Number(seconds.value),
    alias: alias.value.trim() || undefined,
    domain: domain.value || undefined,
  });

  alias.value = '';
  toast(t('made', made), t('copy'), () => copy(made.address));
}

const one = a => h('li.box', { 'data-id': a.id },
  h('div.row', giveaway(a),
    h('a', { href: link({ a: a.id }) }, t('mails', { n: a.total }),
      a.unread > 0 && ` · ${t('unread n', { n: a.unread })}`)),
  h('div.row', life(a), h('span.buttons',
    button(t('extend'), () => extend(a), 'quiet'),
    button(t(a.isActive ? 'stop' : 'resume'),
      () => address('PATCH', `/${a.id}`, { isActive: !a.isActive }),
      'quiet stop', { hidden: over(a) }),
    button(t('delete'), () => confirm(t('delete address', a),
      t('delete address?', { n: a.total }), () => address('DELETE', `/${a.id}`)),
    'quiet danger'))));

// --- keys

const secret = (key, title, text) => dialog(title, [h('p', text),
  h('output.secret', { tabindex: 0 }, key),
  h('p.buttons', button(t('copy'), () => copy(key)), button(t('as file'),
    () => save(new Blob([`${key}\n`]), 'junkmail-key.txt')))]);

export async function saveKey() {
  if (await secret(mine, t('save key'), t('save key text'))) {
    kept['junkmail.saved'] = 'yes';
    hooks.draw();
  }
}

const oneKey = key => h('li.row', { 'data-id': key.id },
  h('span', h('strong', key.name || t('no name')), ' ',
    h('span.dim', key.current && `${t('this device')} · `, key.scopes.join(', '),
      key.expiresAt && ` · ${left(key.expiresAt)}`)),
  button(t('revoke'), () => confirm(t('revoke'),
    [t('revoke?', key), key.current && ` ${t('sign out?')}`], async () => {
      await call('DELETE', `/keys/${key.id}`);
      await (key.current ? forget() : read());
    }), 'quiet danger'));

const newKey = () => form(makeKey, t('make key'),
  field(t('key name'), h('input', { name: 'name', required: true,
    maxlength: 100, autocomplete: 'off' })),
  field(t('life'), spans([0, 3600, 86400, 2592000, 31536000], 0)),
  h('fieldset', h('legend', t('scopes')), SCOPES.map((value, i) =>
    h('label.check', h('input', { type: 'checkbox', name: 'scope', value,
      checked: i === 0 }), t(`scope ${value}`)))));

async function makeKey({ name, span, scope }) {
  const { data } = await call('POST', '/keys', {
    name: name.value, expiresIn: Number(span.value) || null,
    scopes: [...scope].filter(box => box.checked).map(box => box.value),
  });

  name.value = '';
  read();
  await secret(data.key, data.name, t('new key text'));
}

// --- the account

let keys, error, of;

const read = () => get('/keys').then(answer => {
  keys = answer.data;
  error = null;
}, e => {
  error = e;
}).then(hooks.draw);

const box = (title, ...content) => h('section.box', h('h2', t(title)), content);

export function account(main) {
  // each time it is opened, and when mail came or went
  if (!main.firstChild || of !== state.addresses) {
    of = state.addresses;
    read();
  }

  fill(main, h('h1', t('account')),
    box('this key', h('p', t('save key text')), h('p.buttons',
      button(t('save key'), saveKey, 'primary'),
      button(t('sign out'), () =>
        confirm(t('sign out'), t('sign out?'), () => forget())))),
    box('usage', h('div.usage', state.me ? usage(state.me) : trouble(state.away))),
    box('keys', h('p', t('keys text')), keys && !error
      ? h('ul.cards', keys.map(oneKey)) : trouble(error, read), newKey()),
    box('end', h('p', t('end text')), button(t('delete everything'),
      () => confirm(t('delete everything'), t('end?'), async () => {
        await call('DELETE', '/accounts/me');
        forget('ended');
      }), 'danger')));
}

function usage({ addresses, emails, bytes: size, quota, createdAt }) {
  const row = (name, n, max, words = x => x) => h('label',
    h('span', `${t(name)}: ${max ? t('used', { used: words(n), of: words(max) })
      : words(n)}`),
    max > 0 && h('meter', { max, high: max * 0.9, value: n }));

  return [row('addresses', addresses, quota.addresses),
    row('messages', emails, quota.emails),
    row('storage', size, quota.bytes, bytes),
    h('p.dim', t('since', { date: moment(createdAt) }))];
}
