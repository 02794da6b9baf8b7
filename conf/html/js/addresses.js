// The addresses: make, stop, resume, extend, delete.

import { attempt, button, confirm, copier, copy, dialog, field, fill, h, select,
  toast } from './dom.js';
import { get } from './api.js';
import { left, span, t } from './i18n.js';
import { address, hooks, link, over, state } from './state.js';

const SPANS = [600, 3600, 86400, 604800, 2592000];

let domains;

// A choice of lengths of time, for a form.
export const spans = (all = SPANS, value = 2592000) => select({ name: 'span', value },
  all.map(s => [s, s ? span(s) : t('for ever')]));

// From now on so long; shorter than before is possible, too.
export async function extend(a) {
  const choice = spans();

  if (await dialog(t('extend title', { address: a.address }),
    field(t('lives from now'), choice), [t('cancel'), ''],
    [t('extend'), 'yes', 'primary']))
  {
    await attempt(() =>
      address('PATCH', { expiresIn: Number(choice.value) }, a.id));
  }
}

// What one knows of an address at a glance.
export const life = a => h('span', { class: a.isActive ? 'dim' : 'off' },
  !a.isActive && !over(a) && `${t('stopped')} · `, left(a.expiresAt));

export const giveaway = a =>
  copier(a.address, 'address', t('copy address', { address: a.address }));

export function addresses(main) {
  if (!domains) {
    domains = [];
    attempt(async () => {
      domains = (await get('/server/domains')).data;
      hooks.draw();
    });
  }

  fill(main, h('h1', {}, t('addresses')),
    h('section', { class: 'box' }, h('h2', {}, t('new address')),
      h('form', { class: 'line', onsubmit: make },
        field(t('name'), h('input', { name: 'alias', maxlength: 100,
          autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false',
          placeholder: t('random') })),
        field(t('domain'), select({ name: 'domain' },
          domains.map(d => [d, `@${d}`]))),
        field(t('life'), spans()),
        h('button', { class: 'primary' }, t('make address')))),
    h('ul', { class: 'cards' }, state.addresses?.map(one),
      !state.addresses?.length && h('li', { class: 'empty' },
        t(state.addresses ? 'no address' : 'loading'))));
}

function make(e) {
  const { alias, domain, span: seconds } = e.target.elements;

  e.preventDefault();
  attempt(async () => {
    const made = await address('POST', {
      expiresIn: Number(seconds.value),
      alias: alias.value.trim() || undefined,
      domain: domain.value || undefined,
    });
    alias.value = '';
    toast(t('made', made), t('copy'), () => copy(made.address));
  });
}

const one = a => h('li', { class: 'box', 'data-id': a.id },
  h('div', { class: 'row' }, giveaway(a),
    h('a', { href: link({ a: a.id }) }, t('mails', { n: a.total }),
      a.unread > 0 && ` · ${t('unread n', { n: a.unread })}`)),
  h('div', { class: 'row' }, life(a), h('span', { class: 'buttons' },
    button(t('extend'), () => extend(a), { class: 'quiet' }),
    button(t(a.isActive ? 'stop' : 'resume'), () => attempt(() =>
      address('PATCH', { isActive: !a.isActive }, a.id)),
    { class: 'quiet stop', hidden: over(a) }),
    button(t('delete'), () => confirm(t('delete address', a),
      t('delete address?', { n: a.total }), () => address('DELETE', null, a.id)),
    { class: 'quiet danger' }))));
