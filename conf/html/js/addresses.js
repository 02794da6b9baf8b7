// The addresses: make, stop, resume, extend, delete.

import { button, confirm, copier, copy, dialog, field, fill, form, h, select, toast,
  trouble } from './dom.js';
import { get } from './api.js';
import { left, span, t } from './i18n.js';
import { address, hooks, link, over, soon, state } from './state.js';

const SPANS = [600, 3600, 86400, 604800, 2592000];

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
      hooks.draw();
    }, 0);
  }

  fill(main, h('h1', t('addresses')),
    h('section.box', h('h2', t('new address')), form(make, t('make address'),
      field(t('name'), h('input', { name: 'alias', maxlength: 100,
        autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false',
        placeholder: t('random') })),
      field(t('domain'), select({ name: 'domain' },
        domains.map(d => [d, `@${d}`]))),
      field(t('life'), spans()))),
    state.addresses ? h('ul.cards', state.addresses.map(one),
      !state.addresses.length && h('li.empty', t('no address')))
      : trouble(state.away));
}

async function make({ alias, domain, span: seconds }) {
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
