// The addresses: make, stop, resume, extend, delete.

import { attempt, button, confirm, copy, dialog, field, h, icon, select, spoken,
  toast } from './dom.js';
import { get } from './api.js';
import { left, span, t } from './i18n.js';
import { link } from './route.js';
import { changeAddress, deleteAddress, makeAddress, on, over, state }
  from './state.js';

const SPANS = [600, 3600, 86400, 604800, 2592000];

const spans = chosen => select({ name: 'span' },
  SPANS.map(s => [s, span(s)]), chosen);

// From now on so long; shorter than before is possible, too.
export async function extend(a) {
  const choice = spans(2592000);

  if (await dialog(t('extend title', { address: a.address }),
    field(t('lives from now'), choice), [[t('cancel'), ''],
      [t('extend'), 'yes', 'primary']]) === 'yes')
  {
    await attempt(() => changeAddress(a.id, { expiresIn: Number(choice.value) }));
  }
}

export function show(main) {
  const list = h('ul', { class: 'cards' });
  const alias = h('input', { name: 'alias', maxlength: 100, autocomplete: 'off',
    autocapitalize: 'off', spellcheck: 'false', placeholder: t('random') });
  const domain = select({ name: 'domain' }, []);
  const life = spans(2592000);

  const form = h('form', {
    class: 'line',
    async onsubmit(e) {
      e.preventDefault();
      await attempt(async () => {
        const made = await makeAddress({
          expiresIn: Number(life.value),
          ...alias.value.trim() && { alias: alias.value.trim() },
          ...domain.value && { domain: domain.value },
        });
        alias.value = '';
        toast(t('made', { address: made.address }), t('copy'),
          () => copy(made.address));
      });
    },
  }, field(t('name'), alias), field(t('domain'), domain), field(t('life'), life),
    h('button', { class: 'primary' }, t('make address')));

  attempt(async () => {
    const { data } = await get('/server/domains');
    domain.append(...data.map(d => h('option', { value: d }, `@${d}`)));
  });

  const draw = () => {
    const inside = list.contains(document.activeElement)
      && document.activeElement.dataset.at;
    list.replaceChildren(...(state.addresses || []).map(one));
    if (!state.addresses?.length) {
      list.append(h('li', { class: 'empty' },
        t(state.addresses ? 'no address' : 'loading')));
    }
    if (inside) {
      list.querySelector(`[data-at="${inside}"]`)?.focus();
    }
  };
  const offs = [on('addresses', draw)];
  const clock = setInterval(draw, 30000);
  draw();

  main.append(h('h1', {}, t('addresses')), h('section', { class: 'box' },
    h('h2', {}, t('new address')), form), list);
  return {
    leave() {
      offs.forEach(off => off());
      clearInterval(clock);
    },
  };
}

function one(a) {
  const gone = over(a), act = name => `${name}-${a.id}`;

  return h('li', { class: 'box' },
    h('div', { class: 'row' },
      h('button', { type: 'button', class: 'address', 'data-at': act('copy'),
        onclick: () => copy(a.address),
        'aria-label': t('copy address', { address: a.address }) },
        spoken(a.address), icon('copy')),
      h('a', { href: link({ a: a.id }) }, t('mails', { n: a.total }),
        a.unread > 0 && ` · ${t('unread n', { n: a.unread })}`)),
    h('div', { class: 'row' },
      h('span', { class: a.isActive ? 'dim' : 'off' },
        gone || a.isActive ? left(a.expiresAt)
          : `${t('stopped')} · ${left(a.expiresAt)}`),
      h('span', { class: 'buttons' },
        button(t('extend'), () => extend(a),
          { class: 'quiet', 'data-at': act('extend') }),
        !gone && button(t(a.isActive ? 'stop' : 'resume'), () => attempt(() =>
          changeAddress(a.id, { isActive: !a.isActive })),
          { class: 'quiet', 'data-at': act('stop') }),
        button(t('delete'), async () => {
          if (await confirm(t('delete address', { address: a.address }),
            t('delete address?', { n: a.total }), t('delete')))
          {
            await attempt(() => deleteAddress(a.id));
          }
        }, { class: 'quiet danger', 'data-at': act('delete') }))));
}
