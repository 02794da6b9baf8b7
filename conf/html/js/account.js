// How one gets in, and the account: its key for other devices, keys for
// programs, what is used of the quota, signing out, and the end of everything.

import { button, confirm, copy, dialog, field, fill, form, h, save, trouble }
  from './dom.js';
import { call, forget, get, kept, key as mine } from './api.js';
import { spans } from './addresses.js';
import { bytes, known, left, moment, t } from './i18n.js';
import { hooks, signIn, signUp, state } from './state.js';

const SCOPES = ['emails:read', 'emails:write', 'keys:manage'];

// --- before there is a key ---

export const welcome = (main, { why }) => fill(main, h('div.hero',
  why && h('p.note', { role: 'alert' }, known(`why ${why}`)),
  h('h1', t('claim')),
  h('p.lead', t('claim more')),
  form(signUp, t('make mailbox')),
  h('ul.claims', [1, 2, 3].map(n => h('li', t(`claim ${n}`)))),
  h('details', h('summary', t('have key')),
    form(({ key }) => signIn(key.value.trim()), t('sign in'),
      field(t('key'), h('input', { name: 'key', autocomplete: 'off',
        required: true, spellcheck: 'false', autocapitalize: 'off',
        pattern: '\\s*jm_live_\\w{71}\\s*', placeholder: 'jm_live_…',
        title: t('key form') }))))));

// --- keys ---

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

const newKey = () => form(make, t('make key'),
  field(t('key name'), h('input', { name: 'name', required: true,
    maxlength: 100, autocomplete: 'off' })),
  field(t('life'), spans([0, 3600, 86400, 2592000, 31536000], 0)),
  h('fieldset', h('legend', t('scopes')), SCOPES.map((value, i) =>
    h('label.check', h('input', { type: 'checkbox', name: 'scope', value,
      checked: i === 0 }), t(`scope ${value}`)))));

async function make({ name, span, scope }) {
  const { data } = await call('POST', '/keys', {
    name: name.value, expiresIn: Number(span.value) || null,
    scopes: [...scope].filter(box => box.checked).map(box => box.value),
  });

  name.value = '';
  read();
  await secret(data.key, data.name, t('new key text'));
}

// --- the account ---

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
