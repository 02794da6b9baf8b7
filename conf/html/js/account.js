// The account: its key for other devices, keys for programs, what is used of the
// quota, signing out, and the end of everything.

import { attempt, button, confirm, copy, dialog, field, h, save, select, toast }
  from './dom.js';
import { call, get } from './api.js';
import { bytes, left, moment, span, t } from './i18n.js';
import { on, signOut, state } from './state.js';

const SCOPES = ['emails:read', 'emails:write', 'keys:manage'];

// A key as text and as a file.
const secret = (key, title, text, name) => dialog(title, [h('p', {}, text),
  h('output', { class: 'secret', tabindex: 0 }, key),
  h('p', { class: 'buttons' }, button(t('copy'), () => copy(key)),
    button(t('as file'), () => save(new Blob([`${key}\n`],
      { type: 'text/plain' }), name)))], [[t('done'), 'yes', 'primary']]);

export async function saveKey() {
  if (await secret(state.key, t('save key'), t('save key text'),
    'junkmail-key.txt') === 'yes')
  {
    localStorage.setItem('junkmail.saved', 'yes');
  }
}

export function show(main) {
  const usage = h('div', { class: 'usage' }, t('loading'));
  const keys = h('ul', { class: 'cards' });

  const read = () => attempt(async () => {
    const [me, all] = await Promise.all([get('/accounts/me'), get('/keys')]);
    drawUsage(usage, me.data);
    keys.replaceChildren(...all.data.map(k => one(k, read)));
  });

  main.append(h('h1', {}, t('account')),
    h('section', { class: 'box' }, h('h2', {}, t('this key')),
      h('p', {}, t('save key text')),
      h('p', { class: 'buttons' },
        button(t('save key'), saveKey, { class: 'primary' }),
        button(t('sign out'), async () => {
          if (await confirm(t('sign out'), t('sign out?'), t('sign out'))) {
            localStorage.removeItem('junkmail.saved');
            signOut();
          }
        }))),
    h('section', { class: 'box' }, h('h2', {}, t('usage')), usage),
    h('section', { class: 'box' }, h('h2', {}, t('keys')),
      h('p', {}, t('keys text')), keys, form(read)),
    h('section', { class: 'box' }, h('h2', {}, t('end')),
      h('p', {}, t('end text')),
      button(t('delete everything'), async () => {
        if (await confirm(t('delete everything'), t('end?'),
          t('delete everything')))
        {
          await attempt(async () => {
            await call('DELETE', '/accounts/me');
            localStorage.removeItem('junkmail.saved');
            signOut();
            toast(t('ended'));
          });
        }
      }, { class: 'danger' })));
  read();

  const off = on('addresses', () => attempt(async () =>
    drawUsage(usage, (await get('/accounts/me')).data)));
  return { leave: off };
}

function drawUsage(usage, { addresses, emails, bytes: size, quota, createdAt }) {
  const row = (name, used, of, words) => {
    const label = `${t(name)}: ${of ? t('used', { used: words(used),
      of: words(of) }) : words(used)}`;
    return h('label', {}, h('span', {}, label), of > 0 && h('meter', {
      min: 0, max: of, high: of * 0.9, value: used }));
  };
  const n = x => x.toLocaleString(document.documentElement.lang);

  usage.replaceChildren(row('addresses', addresses, quota.addresses, n),
    row('messages', emails, quota.emails, n),
    row('storage', size, quota.bytes, bytes),
    h('p', { class: 'dim' }, t('since', { date: moment(createdAt) })));
}

function one(key, read) {
  return h('li', {}, h('div', { class: 'row' },
    h('span', {}, h('strong', {}, key.name || t('no name')), ' ',
      h('span', { class: 'dim' }, key.scopes.join(', '),
        key.expiresAt && ` · ${left(key.expiresAt)}`)),
    button(t('revoke'), async () => {
      if (await confirm(t('revoke'), t('revoke?', { name: key.name }),
        t('revoke')))
      {
        await attempt(async () => {
          await call('DELETE', `/keys/${key.id}`);
          await read();
        });
      }
    }, { class: 'quiet danger' })));
}

function form(read) {
  const name = h('input', { name: 'name', required: true, maxlength: 100,
    autocomplete: 'off' });
  const life = select({ name: 'life' }, [['', t('for ever')],
    ...[3600, 86400, 604800, 2592000, 31536000].map(s => [s, span(s)])], '');
  const boxes = SCOPES.map(value => h('input', { type: 'checkbox', value,
    checked: value === 'emails:read' }));

  return h('form', {
    class: 'line',
    async onsubmit(e) {
      e.preventDefault();
      const scopes = boxes.filter(b => b.checked).map(b => b.value);
      if (!scopes.length) {
        toast(t('no scope'));
        return;
      }
      await attempt(async () => {
        const { data } = await call('POST', '/keys', {
          name: name.value, scopes,
          ...life.value && { expiresIn: Number(life.value) },
        });
        name.value = '';
        read();
        await secret(data.key, data.name, t('new key text'),
          'junkmail-key.txt');
      });
    },
  }, field(t('key name'), name), field(t('life'), life),
    h('fieldset', {}, h('legend', {}, t('scopes')), boxes.map((b, i) =>
      h('label', { class: 'check' }, b, t(`scope ${SCOPES[i]}`)))),
    h('button', { class: 'primary' }, t('make key')));
}
