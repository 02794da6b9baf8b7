// Before there is a key: one button for a new mailbox, one field for a key.

import { attempt, button, field, h } from './dom.js';
import { t } from './i18n.js';
import { signIn, signUp } from './state.js';

export function show(main, params, why) {
  const key = h('input', { name: 'key', autocomplete: 'off', required: true,
    spellcheck: 'false', autocapitalize: 'off', pattern: '\\s*jm_live_\\w{71}\\s*',
    placeholder: 'jm_live_…', title: t('key form') });

  const make = button(t('make mailbox'), async () => {
    make.disabled = true;
    await attempt(signUp);
    make.disabled = false;
  }, { class: 'primary big' });

  main.append(h('div', { class: 'hero' },
    why === 'gone' && h('p', { class: 'note', role: 'alert' }, t('key gone')),
    h('h1', {}, t('claim')),
    h('p', { class: 'lead' }, t('claim more')),
    make,
    h('ul', { class: 'claims' }, ['claim 1', 'claim 2', 'claim 3']
      .map(c => h('li', {}, t(c)))),
    h('details', {}, h('summary', {}, t('have key')),
      h('form', {
        class: 'line',
        onsubmit(e) {
          e.preventDefault();
          attempt(() => signIn(key.value.trim()));
        },
      }, field(t('key'), key),
        h('button', { class: 'primary' }, t('sign in'))))));
  return {};
}
